"""Series of tracked runs (history, system metrics) as compressed columns in files. `store.py` is the entrance.

Theory of operation. A request's lines are parsed into a columnar *batch* (`columns`, `parsing`), appended to a *log* shared by all
runs with one fdatasync per group of requests (`log`), then acknowledged and added to the *head* of their stream in memory
(`streams`). In the background heads are merged into *blocks* of the stream's own file (`blockfile`): per key a compressed column
(`codec`) and a pyramid of extremes (`pyramid`). A log segment is deleted when every record in it is part of a block.

Rules that keep it true:
1. Only what is in the log or in a committed block is acknowledged; both are found again after a kill at any byte (checksums).
2. A stream's file names the last log record it contains; replay skips records up to that one, so nothing is applied twice.
3. Rows are identified by step; of equal steps the higher line number wins, then the later record. Applying in log order is therefore
   the same as applying in any order, and replay gives what was there before.
4. Readers see blocks and batches that ascend in step and do not overlap; when they would overlap, they are merged first.
"""
