import { abortable } from './abortable.ts'

/** What the platform's fetch takes as a body. */
export type FetchBody = NonNullable<RequestInit['body']>

/** A request body, and whether it can be sent a second time. */
export interface OutgoingBody {
  /** What to send first. Streams are sent as they are. */
  readonly body: FetchBody | null
  /** A fresh body with the same bytes, or `undefined` when the first one was a stream: it is gone once sent. */
  readonly again: (() => FetchBody | null) | undefined
  /** True when the body is a stream, which fetch sends only with `duplex: 'half'`. */
  readonly streams: boolean
}

/** Up to this many bytes of a `Request`'s body are kept for a replay; a longer one is sent as a stream. */
export const replayLimitBytes: number = 1024 * 1024

/** A call without a body. */
export const noBody: OutgoingBody = { body: null, again: () => null, streams: false }

/**
 * The body of a call. Whatever the caller may still change (buffers, forms) is copied, so that a replay sends what
 * the first request sent.
 */
export function outgoingBody(body: unknown): OutgoingBody {
  if (body === undefined || body === null) return noBody
  if (typeof body === 'string' || body instanceof Blob) return replayable(() => body)
  if (body instanceof URLSearchParams) {
    const copy = new URLSearchParams(body)
    return replayable(() => copy)
  }
  if (body instanceof FormData) return replayableForm(body)
  if (body instanceof ArrayBuffer) return replayableBytes(new Uint8Array(body))
  if (ArrayBuffer.isView(body)) {
    return replayableBytes(new Uint8Array(body.buffer, body.byteOffset, body.byteLength))
  }
  if (isStream(body)) return { body, again: undefined, streams: true }
  const text = String(body) // what fetch itself does with anything else
  return replayable(() => text)
}

/**
 * The body of a platform `Request`, which is used up by this: kept when it has at most {@link replayLimitBytes},
 * otherwise a stream of the same bytes. Rejects with the signal's reason as soon as it aborts.
 */
export async function requestBody(request: Request, signal?: AbortSignal): Promise<OutgoingBody> {
  const stream = request.body
  if (stream === null) return noBody
  if (request.bodyUsed) throw new TypeError('The body of this Request has been used already.')
  const reader: ReadableStreamDefaultReader<Uint8Array> = stream.getReader()
  try {
    return await abortable(readBody(reader), signal)
  } catch (error) {
    reader.cancel(error).catch(() => {}) // nobody waits for the rest of it
    throw error
  }
}

async function readBody(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<OutgoingBody> {
  const chunks: Uint8Array[] = []
  let length = 0
  while (length <= replayLimitBytes) {
    const { done, value } = await reader.read()
    if (done) return replayableBytes(Buffer.concat(chunks))
    chunks.push(value)
    length += value.byteLength
  }
  return { body: continued(chunks, reader), again: undefined, streams: true }
}

/** A stream of the chunks read so far and of everything the reader still has. */
function continued(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  const read = [...chunks]
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = read.shift() ?? (await reader.read()).value
      if (next === undefined) controller.close()
      else controller.enqueue(next)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function replayable(again: () => FetchBody): OutgoingBody {
  return { body: again(), again, streams: false }
}

function replayableBytes(bytes: Uint8Array): OutgoingBody {
  const copy = new Uint8Array(bytes)
  return replayable(() => copy)
}

function replayableForm(form: FormData): OutgoingBody {
  const copy = new FormData()
  for (const [name, value] of form) copy.append(name, value)
  return replayable(() => copy)
}

/** Web streams, and Node's streams and other async iterables, which Node's fetch takes too. */
function isStream(body: unknown): body is ReadableStream {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}
