const crlf = Buffer.from('\r\n')
/** Types whose length says how many bytes follow. */
const blobs = new Set(['$', '!', '='])
/** Types whose length says how many values follow, with how many for each. */
const aggregates = new Map([
  ['*', 1],
  ['~', 1],
  ['>', 1],
  ['%', 2],
  ['|', 2],
])

/** Cuts the bytes of one direction of a Redis connection into commands or replies. RESP2 and RESP3. */
export class RedisFrames {
  #rest: Buffer = Buffer.alloc(0)

  /** Bytes of a frame that is not complete yet. */
  get pendingBytes(): number {
    return this.#rest.length
  }

  /** The frames that are complete with these bytes; the rest waits for more. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const frames: Buffer[] = []
    for (let end = endOfValue(this.#rest, 0); end !== undefined; end = endOfValue(this.#rest, 0)) {
      frames.push(this.#rest.subarray(0, end))
      this.#rest = this.#rest.subarray(end)
    }
    return frames
  }
}

/** True for what a server sends without having been asked. */
export function isPush(frame: Buffer): boolean {
  return frame[0] === '>'.charCodeAt(0)
}

/** Where the value that starts here ends; `undefined`: not all of it is here. */
function endOfValue(bytes: Buffer, start: number): number | undefined {
  const lineEnd = bytes.indexOf(crlf, start)
  if (lineEnd < 0) return undefined
  const type = String.fromCharCode(bytes[start] ?? 0)
  const next = lineEnd + crlf.length
  const perItem = aggregates.get(type)
  if (!blobs.has(type) && perItem === undefined) return next
  const length = Number(bytes.toString('latin1', start + 1, lineEnd))
  if (length < 0) return next
  if (perItem === undefined) {
    const end = next + length + crlf.length
    return end <= bytes.length ? end : undefined
  }
  let end: number | undefined = next
  // An attribute comes before the value that it is about, and both are one answer.
  const values = length * perItem + (type === '|' ? 1 : 0)
  for (let value = 0; value < values && end !== undefined; value += 1) end = endOfValue(bytes, end)
  return end
}
