import { promisify } from 'node:util'
import {
  brotliDecompress,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  gunzip,
  inflate,
  inflateRaw,
} from 'node:zlib'

const decoders = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  br: promisify(brotliDecompress),
} as const

const inflateZlib = promisify(inflate)
const inflateBare = promisify(inflateRaw)

/** Why a body could not be decoded. */
export type DecodeFault = 'too_large' | 'encoding'

/**
 * Undoes one `Content-Encoding` (RFC 9110 §8.4). The output never grows past `maxBytes`; two codings, or one that we
 * do not know, are refused.
 */
export async function decodeBody(
  body: Uint8Array,
  contentEncoding: string | undefined,
  maxBytes: number,
): Promise<Uint8Array | DecodeFault> {
  const coding = (contentEncoding ?? '').trim().toLowerCase()
  if (coding === '' || coding === 'identity') return body
  try {
    return await decompress(body, coding, { maxOutputLength: maxBytes })
  } catch (error) {
    return hasCode(error, 'ERR_BUFFER_TOO_LARGE') ? 'too_large' : 'encoding'
  }
}

async function decompress(
  body: Uint8Array,
  coding: string,
  options: { readonly maxOutputLength: number },
): Promise<Uint8Array> {
  if (coding === 'gzip' || coding === 'x-gzip' || coding === 'br') return decoders[coding](body, options)
  if (coding !== 'deflate') throw new Error('unknown coding')
  try {
    return await inflateZlib(body, options)
  } catch (error) {
    // Some servers send bare deflate data without the zlib wrapper that RFC 9110 §8.4.1.2 asks for.
    if (hasCode(error, 'ERR_BUFFER_TOO_LARGE')) throw error
    return inflateBare(body, options)
  }
}

const unfinished = { finishFlush: constants.Z_SYNC_FLUSH }
const lenientDecoders = {
  gzip: () => createGunzip(unfinished),
  'x-gzip': () => createGunzip(unfinished),
  deflate: () => createInflate(unfinished),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
} as const

/**
 * As much of a body as one `Content-Encoding` lets through, however the body ends and whatever stands beside the
 * coding; `undefined` where no coding can be undone. Never more than `maxBytes`.
 */
export async function decodeLeniently(
  body: Uint8Array,
  contentEncoding: string,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const codings = contentEncoding.toLowerCase().split(',')
  const coding = codings.map((name) => name.trim()).find((name) => name !== 'identity' && name !== '')
  if (coding === undefined || !Object.hasOwn(lenientDecoders, coding)) return undefined
  const decoder = lenientDecoders[coding as keyof typeof lenientDecoders]() // one of its own names
  const chunks: Buffer[] = []
  let length = 0
  await new Promise<void>((resolve) => {
    decoder.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length >= maxBytes) decoder.destroy()
    })
    decoder.on('error', () => resolve())
    decoder.on('close', resolve)
    decoder.end(body)
  })
  return Buffer.concat(chunks).subarray(0, maxBytes)
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
