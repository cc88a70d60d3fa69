import { pipeline, type Transform } from 'node:stream'
import type { ReadableByteStreamController, UnderlyingByteSource } from 'node:stream/web'

/** Where a response's body comes from. */
export interface BodySource {
  pause(): void
  resume(): void
  /** Nobody wants the rest. */
  cancel(reason: unknown): void
}

/** Bytes that wait to be read before the source is paused. Shorter bodies free their connection whoever reads them. */
const waitingBytes = 65_536

/** A response's body as the platform's byte stream. It slows its source down to the pace of the reader. */
export class ResponseBody {
  readonly stream: ReadableStream<Uint8Array>
  readonly #source: BodySource
  readonly #onFull: () => void
  readonly #decoding: { readonly first: Transform; readonly last: Transform } | undefined
  #controller!: ReadableByteStreamController
  #isFull = false
  #isOver = false

  /**
   * @param decoders what the body goes through, in this order
   * @param onFull called when the body waits for a reader
   */
  constructor(source: BodySource, decoders: readonly Transform[], onFull: () => void) {
    this.#source = source
    this.#onFull = onFull
    const [first] = decoders
    const last = decoders.at(-1)
    this.#decoding = first && last && { first, last }
    if (this.#decoding) this.#connect(decoders, this.#decoding)
    const underlying: UnderlyingByteSource = {
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller
      },
      pull: () => this.#readOn(),
      cancel: (reason) => {
        if (this.#end()) source.cancel(reason)
      },
    }
    this.stream = new ReadableStream(underlying, { highWaterMark: waitingBytes })
  }

  /** A piece as it came. */
  receive(piece: Uint8Array): void {
    if (this.#isOver) return
    if (this.#decoding === undefined) this.#enqueue(piece)
    else if (!this.#decoding.first.write(piece)) this.#source.pause()
  }

  /** All of it has come. */
  finish(): void {
    if (this.#decoding === undefined) this.#close()
    else this.#decoding.first.end()
  }

  /** What is read of it from now on is this error. */
  fail(error: unknown): void {
    if (this.#end()) this.#controller.error(error)
  }

  #connect(
    decoders: readonly Transform[],
    { first, last }: { readonly first: Transform; readonly last: Transform },
  ): void {
    const onError = (error: unknown): void => {
      if (this.#isOver) return
      this.fail(terminated(error))
      this.#source.cancel(error)
    }
    if (first === last) first.on('error', onError)
    else pipeline(decoders, (error) => error && onError(error))
    first.on('drain', () => this.#source.resume())
    last.on('data', (piece: Buffer) => this.#enqueue(piece))
    last.on('end', () => this.#close())
  }

  #enqueue(piece: Uint8Array): void {
    if (this.#isOver || piece.byteLength === 0) return
    this.#controller.enqueue(new Uint8Array(piece)) // a copy: the stream takes away the memory of what it gets
    if (this.#isFull || (this.#controller.desiredSize ?? 0) > 0) return
    this.#isFull = true
    ;(this.#decoding?.last ?? this.#source).pause()
    this.#onFull()
  }

  #readOn(): void {
    if (this.#isOver || !this.#isFull) return
    this.#isFull = false
    ;(this.#decoding?.last ?? this.#source).resume()
  }

  #close(): void {
    if (!this.#end()) return
    this.#controller.close()
    this.#controller.byobRequest?.respond(0) // whoever reads into a buffer of their own waits for it
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#decoding?.first.destroy()
    this.#decoding?.last.destroy()
    return true
  }
}

/** The error of the platform's fetch for a body that broke off. */
export function terminated(cause: unknown): TypeError {
  return new TypeError('terminated', { cause })
}
