import type { Clock } from '../clock.ts'
import { SealError, type Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import { rawQuery } from './authorization-response.ts'
import type { PlainRequest, Reply } from './http.ts'
import { redirect } from './replies.ts'
import { headerOf } from './request-headers.ts'

const lifetimeSeconds = 60
/** The sealed form goes into an address, and Node takes 16 KB of request head, cookies included. */
const maxRelayedLength = 8_192
/** The longest form that is not longer than that once it is sealed and encoded. */
const maxFormBytes = 6_000
const timeLength = 6

/** What the relay works with. */
export interface RelayParts {
  readonly sealer: Sealer
  readonly clock: Clock
}

/**
 * Answers a `form_post` callback by sending its form, sealed, back to the same path as a GET: the form comes from the
 * authorization server's page and so without our `SameSite=Lax` cookies, the GET that follows has them.
 * @throws {LatchkeyError} `invalid_callback`: 415 for another content type, 413 for more than 6 KB.
 * @see OAuth 2.0 Form Post Response Mode §2
 */
export async function relayForm(
  request: PlainRequest,
  path: string,
  publicPath: string,
  { sealer, clock }: RelayParts,
): Promise<Reply> {
  const type = (headerOf(request, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') throw transportFault(415, 'content_type')
  if (rawQuery(request.url) !== '') throw transportFault(400, 'duplicate')
  const form = Buffer.from(await request.readBody(maxFormBytes), 'utf8')
  const time = Buffer.alloc(timeLength)
  time.writeUIntBE(Math.floor(clock.now()), 0, timeLength)
  const sealed = sealer.seal({ kind: 'form_post', name: path }, Buffer.concat([time, form]))
  const relayed = Buffer.from(sealed).toString('base64url')
  if (relayed.length > maxRelayedLength) throw transportFault(413, 'too_long')
  return redirect(303, `${publicPath}?p=${relayed}`)
}

/**
 * The form that was relayed to this path.
 * @throws {LatchkeyError} `invalid_callback`: not one of ours, for another path, or older than a minute.
 */
export function openRelayedForm(relayed: string, path: string, { sealer, clock }: RelayParts): string {
  try {
    if (relayed.length > maxRelayedLength) throw new SealError('corrupt')
    const binding = { kind: 'form_post', name: path } as const
    const bytes = Buffer.from(sealer.open(binding, Buffer.from(relayed, 'base64url')))
    if (Math.abs(clock.now() - bytes.readUIntBE(0, timeLength)) > lifetimeSeconds)
      throw new SealError('corrupt')
    return bytes.subarray(timeLength).toString('utf8')
  } catch (error) {
    if (!(error instanceof SealError)) throw error
    const message = 'The relayed callback is too old or was changed. Start again at the login.'
    throw new LatchkeyError('invalid_callback', message, { reason: 'relay' })
  }
}

function transportFault(status: number, reason: string): LatchkeyError {
  const message = 'The callback is not a short form as authorization servers send it.'
  return new LatchkeyError('invalid_callback', message, { status, reason })
}
