// Pictures on the faces of solids: PNG and JPEG that lie in the file, decoded by the browser, looked up texel by texel.

const MOST_TEXELS = 16 << 20; // a picture with more is not unpacked
const FINEST = 1024; // texels along the longer side that are kept
const CLAMPED = 33071;
const MIRRORED = 33648;

/** Width and height that a PNG or JPEG says it has; null for anything else. */
function sizeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length > 24 && view.getUint32(0) === 0x89504e47) return [view.getUint32(16), view.getUint32(20)];
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; at + 9 < bytes.length;) {
    const mark = bytes[at + 1];
    if (bytes[at] !== 0xff) return null;
    if (mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/** Where a coordinate lies from 0 to 1, by how the picture goes on beyond its edge. */
function wrapped(value, how) {
  if (how === CLAMPED) return Math.max(0, Math.min(1, value));
  const whole = Math.floor(value);
  return how === MIRRORED && Math.abs(whole) % 2 ? 1 - (value - whole) : value - whole;
}

export class Texture {
  /** `wraps`: how it goes on sideways and upwards; `tint`: shares of red, green and blue; `hasHoles`: what is clear is left out. */
  constructor(bytes, { wraps = [], tint = [1, 1, 1], hasHoles = false } = {}) {
    Object.assign(this, { bytes, wraps, tint, hasHoles });
    this.image = null;
  }

  /** Unpack it. Throws when it is none, or larger than what is unpacked. */
  async decode() {
    const size = sizeOf(this.bytes);
    if (!size || !(size[0] * size[1] > 0) || size[0] * size[1] > MOST_TEXELS) throw new Error("no picture");
    const bitmap = await createImageBitmap(new Blob([this.bytes]));
    const share = Math.min(1, FINEST / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [Math.max(1, Math.round(bitmap.width * share)), Math.max(1, Math.round(bitmap.height * share))];
    const ctx = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    ctx.drawImage(bitmap, 0, 0, width, height);
    this.image = ctx.getImageData(0, 0, width, height);
  }

  /** The colour at a place, darkened to a share of light, as a pixel; 0 for a hole. */
  at(u, v, light) {
    const { width, height, data } = this.image;
    const x = Math.min(width - 1, Math.floor(wrapped(u, this.wraps[0]) * width));
    const y = Math.min(height - 1, Math.floor(wrapped(v, this.wraps[1]) * height));
    const place = 4 * (y * width + x);
    if (this.hasHoles && data[place + 3] < 128) return 0;
    const [red, green, blue] = this.tint.map((share, part) => data[place + part] * share * light);
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  }
}
