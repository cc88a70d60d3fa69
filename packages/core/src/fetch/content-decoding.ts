import { Transform, type TransformCallback } from 'node:stream'
import * as zlib from 'node:zlib'

/** As many codings as the platform undoes: each multiplies what a short body can become. */
const mostCodings = 5

// Lenient like browsers with a body that ends early; what has come is passed on at once.
const zlibFlush = { flush: zlib.constants.Z_SYNC_FLUSH, finishFlush: zlib.constants.Z_SYNC_FLUSH }
const { BROTLI_OPERATION_FLUSH } = zlib.constants
const brotliFlush = { flush: BROTLI_OPERATION_FLUSH, finishFlush: BROTLI_OPERATION_FLUSH }

const decoders: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', () => zlib.createGunzip(zlibFlush)],
  ['x-gzip', () => zlib.createGunzip(zlibFlush)],
  ['deflate', () => new Inflate()],
  ['br', () => zlib.createBrotliDecompress(brotliFlush)],
  ['zstd', () => zlib.createZstdDecompress()],
])

/**
 * What undoes a `Content-Encoding` (RFC 9110 §8.4), in the order of use. Empty where there is none to undo, or one that
 * we do not know: such a body is left as it is.
 *
 * @throws {Error} There are more than five codings.
 */
export function decodersFor(contentEncoding: string): readonly Transform[] {
  const codings = contentEncoding.toLowerCase().split(',')
  if (codings.length > mostCodings) throw new Error(`The response has ${codings.length} content codings.`)
  const makers = codings.reverse().map((coding) => decoders.get(coding.trim()))
  if (makers.includes(undefined)) return []
  return makers.flatMap((make) => make?.() ?? [])
}

/** `deflate`, with the zlib wrapper that RFC 9110 §8.4.1.2 asks for, or bare as some servers send it. */
class Inflate extends Transform {
  #inflate: zlib.Inflate | zlib.InflateRaw | undefined

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#inflate ??= this.#begin(chunk)
    this.#inflate.write(chunk, () => done())
  }

  override _flush(done: TransformCallback): void {
    if (this.#inflate === undefined) done()
    else this.#inflate.once('end', () => done()).end()
  }

  override _read(size: number): void {
    this.#inflate?.resume()
    super._read(size)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inflate?.destroy()
    done(error)
  }

  #begin(chunk: Buffer): zlib.Inflate | zlib.InflateRaw {
    const isWrapped = ((chunk[0] ?? 0) & 0x0f) === 0x08
    const inflate = isWrapped ? zlib.createInflate(zlibFlush) : zlib.createInflateRaw(zlibFlush)
    inflate.on('data', (piece: Buffer) => {
      if (!this.push(piece)) inflate.pause()
    })
    inflate.on('error', (error) => this.destroy(error))
    return inflate
  }
}
