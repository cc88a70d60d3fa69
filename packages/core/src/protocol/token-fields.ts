import { type JsonObject, valueAt } from './json-object.ts'
import type { Provider, TokenAnswerFields } from './provider.ts'
import { scopeList } from './scope-parameter.ts'

/** The names of RFC 6749 §5.1 and §5.2, where a preset names no other. */
const standardFields: Omit<TokenAnswerFields, 'expiresAt'> = {
  accessToken: 'access_token',
  refreshToken: 'refresh_token',
  tokenType: 'token_type',
  expiresIn: 'expires_in',
  refreshTokenExpiresIn: 'refresh_token_expires_in',
  scope: 'scope',
  idToken: 'id_token',
  error: 'error',
  errorDescription: 'error_description',
}

/** Longer lifetimes are cut: beyond ten years a number says only that somebody got the unit wrong. */
const longestLifetimeSeconds = 10 * 365 * 24 * 3600
const longestTokenLength = 64 * 1024

/** Reads single fields of one token answer under the preset's names. `undefined`: absent, null or ''. */
export class TokenFields {
  readonly #body: JsonObject
  readonly #names: Partial<TokenAnswerFields>

  constructor(body: JsonObject, provider: Provider) {
    this.#body = body
    this.#names = { ...standardFields, ...provider.tokenAnswer }
  }

  get(field: keyof TokenAnswerFields): unknown {
    const name = this.#names[field]
    const value = name === undefined ? undefined : valueAt(this.#body, name)
    return value === null || value === '' ? undefined : value
  }

  /** Seconds from now; `undefined` when the value is no positive number. */
  lifetime(field: 'expiresIn' | 'refreshTokenExpiresIn'): number | undefined {
    return lifetimeOf(readNumber(this.get(field)))
  }

  /** Epoch seconds at which the access token ends. */
  expiresAt(receivedAt: number): number | undefined {
    const at = readNumber(this.get('expiresAt'))
    const lifetime =
      (at === undefined ? undefined : lifetimeOf(at - receivedAt)) ?? this.lifetime('expiresIn')
    return lifetime === undefined ? undefined : Math.floor(receivedAt + lifetime)
  }

  /** Scope as a list; `undefined` when the answer says nothing that can be read. */
  scope(): readonly string[] | undefined {
    return scopeList(this.get('scope'))
  }

  /** `null`: there is one that no request can carry. */
  refreshToken(): string | undefined | null {
    const value = this.get('refreshToken')
    if (value === undefined) return undefined
    return isRefreshToken(value) ? value : null
  }
}

/** Visible ASCII without spaces: what an `Authorization` header can carry in one piece (RFC 6750 §2.1, RFC 9110 §11.2). */
export function isAccessToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestTokenLength && /^[\x21-\x7e]+$/.test(value)
}

/** `1*VSCHAR` of RFC 6749 §A.17: a refresh token, and a device code. */
export function isRefreshToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestTokenLength && /^[\x20-\x7e]+$/.test(value)
}

/** A number, or a numeric string as some servers send. Anything else is unknown. */
export function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  return typeof value === 'string' && /^\s{0,9}-?\d{1,18}(\.\d{1,18})?\s{0,9}$/.test(value)
    ? Number(value)
    : undefined
}

// Zero and less say "never" at some servers and are mistakes at others, and no token lives for less than a second: it is
// used until a 401 says more.
function lifetimeOf(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds < 1
    ? undefined
    : Math.min(Math.floor(seconds), longestLifetimeSeconds)
}
