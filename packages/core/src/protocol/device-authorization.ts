import { stripVTControlCharacters } from 'node:util'
import { LatchkeyError } from '../errors.ts'
import { TransportError, type TransportResponse } from '../transport/transport.ts'
import type { FailedAnswer } from './answer-error.ts'
import { type ClientRequestContext, postAsClient } from './client-request.ts'
import { isProtectedUrl } from './endpoint-url.ts'
import { type JsonObject, parseJsonObject } from './json-object.ts'
import type { Provider } from './provider.ts'
import { reasonOfFault } from './retry-reason.ts'
import { scopeParameter } from './scope-parameter.ts'
import { readTokenAnswer } from './token-answer.ts'
import { readError } from './token-error.ts'
import { isRefreshToken, readNumber } from './token-fields.ts'

/** What a device asks for. */
export interface DeviceRequest {
  readonly scope: readonly string[]
  readonly audience?: string
  /** Further parameters; they replace none of ours. */
  readonly params?: Readonly<Record<string, string>>
}

/** What a device shows and polls with. `deviceCode` is secret. */
export interface DeviceCodes {
  readonly kind: 'device_codes'
  readonly deviceCode: string
  /** Visible characters only. */
  readonly userCode: string
  /** https, or http on a loopback literal. */
  readonly verificationUri: string
  readonly verificationUriComplete?: string
  readonly expiresInSeconds: number
  readonly intervalSeconds: number
}

const longestUserCode = 64
const defaultIntervalSeconds = 5
const longestIntervalSeconds = 60
/** Where the server names no lifetime, which RFC 8628 §3.2 demands. */
const defaultLifetimeSeconds = 600
const longestLifetimeSeconds = 3600

/**
 * Asks once for the codes of a device. What is shown to people is freed of everything that could drive a terminal, and
 * hostile numbers are cut.
 *
 * @throws {LatchkeyError} `as_misconfigured`: the page that the user should open is not https.
 * @see RFC 8628 §3.1 and §3.2
 */
export async function requestDeviceCodes(
  context: ClientRequestContext,
  request: DeviceRequest & { readonly endpoint: string; readonly deadlineMs: number },
): Promise<DeviceCodes | FailedAnswer> {
  const { provider } = context
  const { endpoint, deadlineMs, scope, audience, params } = request
  const parameters = {
    ...params,
    client_id: provider.clientId,
    ...scopeParameter(provider, scope),
    ...(audience === undefined ? {} : { audience }),
  }
  try {
    return readDeviceAnswer(await postAsClient(context, { endpoint, parameters, deadlineMs }), context)
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    return { kind: 'retry', reason: reasonOfFault[error.fault], outcome: 'not_processed' }
  }
}

function readDeviceAnswer(
  response: TransportResponse,
  { provider, clock }: ClientRequestContext,
): DeviceCodes | FailedAnswer {
  const body = parseJsonObject(response.body)
  const isFine = response.status >= 200 && response.status < 300
  if (isFine && body !== undefined && readError(body, { provider }) === undefined) {
    return readCodes(body, provider)
  }
  const secrets = [provider.clientSecret]
  const answer = readTokenAnswer(response, { provider, requestedScope: [], receivedAt: clock.now(), secrets })
  return answer.kind === 'token_set' ? garbage(response.status) : answer
}

function readCodes(body: JsonObject, provider: Provider): DeviceCodes | FailedAnswer {
  const { device_code: deviceCode } = body
  const userCode = shownText(body.user_code).slice(0, longestUserCode)
  if (!isRefreshToken(deviceCode) || userCode === '') return garbage(200)
  // Google calls it `verification_url`.
  const verificationUri = pageUrl(body.verification_uri ?? body.verification_url)
  if (verificationUri === undefined) throw unprotectedPage(provider)
  const complete = pageUrl(body.verification_uri_complete)
  return {
    kind: 'device_codes',
    deviceCode,
    userCode,
    verificationUri,
    ...(complete === undefined ? {} : { verificationUriComplete: complete }),
    expiresInSeconds: clamped(readNumber(body.expires_in) ?? defaultLifetimeSeconds, longestLifetimeSeconds),
    intervalSeconds: clamped(readNumber(body.interval) ?? defaultIntervalSeconds, longestIntervalSeconds),
  }
}

/** At least one second, at most `longest`. */
function clamped(seconds: number, longest: number): number {
  return Math.min(Math.max(Math.ceil(seconds), 1), longest)
}

/** Text without control characters, terminal escapes and characters that are not seen. */
function shownText(value: unknown): string {
  if (typeof value !== 'string') return ''
  return stripVTControlCharacters(value.slice(0, 1000)).replace(/\p{C}/gu, '').trim()
}

/** The URL of a page as ASCII, so that no look-alike letter shows as what it is not. */
function pageUrl(value: unknown): string | undefined {
  const text = shownText(value)
  return isProtectedUrl(text) ? new URL(text).href : undefined
}

function garbage(status: number): FailedAnswer {
  return { kind: 'retry', reason: 'garbage', outcome: 'not_processed', status }
}

function unprotectedPage({ id }: Provider): LatchkeyError {
  return new LatchkeyError(
    'as_misconfigured',
    `${id}: the page for the user of a device (verification_uri) is not https. Nobody should be sent there.`,
    { provider: id, reason: 'verification_uri' },
  )
}
