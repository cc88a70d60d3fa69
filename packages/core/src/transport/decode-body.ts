import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'

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

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
