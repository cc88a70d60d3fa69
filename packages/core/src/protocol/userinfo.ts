import type { Clock } from '../clock.ts'
import { type ErrorDetails, LatchkeyError } from '../errors.ts'
import { type Transport, TransportError, type TransportResponse } from '../transport/transport.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'
import type { Provider } from './provider.ts'
import { resourceHeaders } from './resource-headers.ts'
import { retryAfterSeconds } from './retry-after.ts'
import type { TokenSet } from './token.ts'

export type { User } from './user.ts'

const maxUserinfoBytes = 256 * 1024

/**
 * The claims that the userinfo endpoint has for an access token.
 *
 * @param request.subject `sub` of the verified ID token: another one in the answer is refused.
 * @throws {LatchkeyError} `as_unavailable`: no answer, 5xx, 429, not JSON, or 401 for a token that is brand new
 *   (`reason: 'userinfo_unauthorized'`).
 * @throws {LatchkeyError} `as_misconfigured`: any other refusal; it will not go away by itself.
 * @throws {LatchkeyError} `invalid_callback`: the answer is about another user than the ID token.
 * @see OpenID Connect Core 1.0 §5.3
 */
export async function fetchUserinfo(request: {
  readonly provider: Provider
  readonly endpoint: string
  readonly tokens: TokenSet
  readonly subject: string | undefined
  readonly transport: Transport
  readonly clock: Clock
  readonly deadlineMs: number
}): Promise<JsonObject> {
  const { provider, subject } = request
  const response = await send(request)
  if (response.status !== 200) throw statusError(provider, response, request.clock.now())
  const claims = parseJsonObject(response.body)
  if (claims === undefined) {
    if (response.headers['content-type']?.startsWith('application/jwt')) {
      throw misconfigured(
        provider,
        'userinfo_signed',
        'sends a signed answer; ask its operator for plain JSON',
      )
    }
    throw unavailable(provider, 'userinfo_garbage', 'did not answer with a JSON object')
  }
  // Without this a swapped token would sign its owner in as somebody else (OpenID Connect Core 1.0 §5.3.4).
  if (subject !== undefined && claims.sub !== subject) {
    throw new LatchkeyError(
      'invalid_callback',
      `${provider.id}: userinfo and ID token are about different users.`,
      {
        provider: provider.id,
        reason: 'userinfo_subject',
      },
    )
  }
  return claims
}

async function send(request: Parameters<typeof fetchUserinfo>[0]): Promise<TransportResponse> {
  const { provider, endpoint, tokens, transport, deadlineMs } = request
  try {
    return await transport.send({
      method: provider.userinfo?.method ?? 'GET',
      url: endpoint,
      headers: { accept: 'application/json', ...resourceHeaders(provider, tokens) },
      deadlineMs,
      maxBytes: maxUserinfoBytes,
    })
  } catch (error) {
    if (error instanceof TransportError)
      throw unavailable(provider, `userinfo_${error.fault}`, 'did not answer')
    throw error
  }
}

function statusError(provider: Provider, { status, headers }: TransportResponse, now: number): LatchkeyError {
  const asStatus = { asStatus: status }
  if (status === 401)
    return unavailable(provider, 'userinfo_unauthorized', 'refused a brand-new access token', asStatus)
  if (status === 403) {
    return misconfigured(
      provider,
      'userinfo_forbidden',
      'refuses this user: a scope is missing, or the app is not open to everybody there',
      asStatus,
    )
  }
  if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) {
    return misconfigured(provider, 'userinfo_status', `answers ${status}; check userinfo.endpoint`, asStatus)
  }
  const wait = retryAfterSeconds(headers, now)
  return unavailable(
    provider,
    'userinfo_status',
    `answers ${status}`,
    wait === undefined ? asStatus : { ...asStatus, retryAfterSeconds: wait },
  )
}

function unavailable(
  provider: Provider,
  reason: string,
  text: string,
  details: ErrorDetails = {},
): LatchkeyError {
  return new LatchkeyError('as_unavailable', `${provider.id}: the userinfo endpoint ${text}.`, {
    provider: provider.id,
    reason,
    ...details,
  })
}

function misconfigured(
  provider: Provider,
  reason: string,
  text: string,
  details: ErrorDetails = {},
): LatchkeyError {
  return new LatchkeyError('as_misconfigured', `${provider.id}: the userinfo endpoint ${text}.`, {
    provider: provider.id,
    reason,
    ...details,
  })
}
