// Times of the lines of a log: when the server saw them, in the reader's zone. Asked for only while they are shown.

import { clock } from "./clocks.js";
import { make } from "./dom.js";

const SHOWS_TIMES = "penstock-log-times";

export class LineTimes {
  /** `address(from, to)` answers with the times of a range of bytes. */
  constructor(root, address) {
    this.address = address;
    this.view = root.querySelector("[data-log-view]");
    this.none = root.querySelector("[data-log-untimed]");
    this.isAsking = false;
    this.isWaiting = false;
    const box = root.querySelector("[data-log-times]");
    box.checked = localStorage.getItem(SHOWS_TIMES) === "yes";
    box.addEventListener("change", () => {
      if (box.checked) localStorage.setItem(SHOWS_TIMES, "yes");
      else localStorage.removeItem(SHOWS_TIMES);
      this.show(box.checked);
    });
    this.show(box.checked);
  }

  show(isOn) {
    this.isOn = isOn;
    this.staying(() => {
      this.view.classList.toggle("with-times", isOn);
      this.none.hidden = true;
    });
    this.fill();
  }

  /** Give the lines that were not asked for yet their times. The newest have none before the server's next look at the log. */
  async fill() {
    this.isWaiting = this.isAsking;
    const lines = this.isOn && !this.isAsking ? [...this.view.querySelectorAll(".log-line:not([data-timed])")] : [];
    if (!lines.length) return;
    this.isAsking = true;
    try {
      const answer = await fetch(this.address(lines[0].dataset.offset, Number(lines.at(-1).dataset.offset) + 1), { credentials: "same-origin" });
      if (!answer.ok) return;
      const { times } = await answer.json();
      this.staying(() => {
        this.none.hidden = times !== null || !this.isOn;
        this.write(lines, times ?? []);
      });
    } catch {
      // the connection badge of the frame says that the server is away; the next window asks again
    } finally {
      this.isAsking = false;
      if (this.isWaiting) this.fill();
    }
  }

  /** Make a change that may wrap lines anew; who reads the end goes on reading the end. */
  staying(change) {
    const isAtEnd = this.view.scrollTop + this.view.clientHeight >= this.view.scrollHeight - 24;
    change();
    if (isAtEnd) this.view.scrollTop = this.view.scrollHeight;
  }

  write(lines, times) {
    let at = 0;
    for (const line of lines) {
      const offset = Number(line.dataset.offset);
      while (at < times.length && times[at][0] <= offset) at += 1;
      if (at === times.length) return;
      line.dataset.timed = "yes";
      if (times[at][1] === null) continue;
      const [date, time] = clock(times[at][1]).split(" ");
      line.querySelector(".log-text").before(make("span", { class: "log-time faint" }, make("span", { class: "log-date" }, `${date} `), time));
    }
  }
}
