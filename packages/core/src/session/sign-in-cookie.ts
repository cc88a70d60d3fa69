import { equalInConstantTime } from '../crypto/constant-time.ts'
import { digest } from '../crypto/digest.ts'
import { randomId } from '../crypto/random.ts'
import type { Logger } from '../log.ts'
import {
  type CookieSettings,
  type CookieShape,
  parseCookies,
  serializeCookie,
  sessionCookie,
} from './cookie.ts'

/** 128 and 256 random bits as base64url, written the one canonical way. */
const valuePattern = /^([\w-]{21}[AQgw])\.([\w-]{42}[AEIMQUYcgkosw048])$/

/** A session's place and what proves that the browser may use it. */
export interface NamedSession {
  readonly locator: string
  readonly secret: string
}

/** The one cookie of a sign-in session: `<locator>.<secret>`. */
export class SignInCookie {
  readonly #shape: CookieShape
  readonly #log: Logger

  constructor(settings: CookieSettings, log: Logger) {
    this.#shape = sessionCookie(settings)
    this.#log = log
  }

  /** What a raw `Cookie` header names; `undefined` for anything but one cookie of ours, and that well-formed. */
  read(cookieHeader: string | undefined): NamedSession | undefined {
    if (!cookieHeader?.includes(this.#shape.name)) return undefined
    const found = parseCookies(cookieHeader).filter(({ name }) => name === this.#shape.name)
    // Also beside garbage: who can put that there could as well put a well-formed one there.
    if (found.length > 1) {
      const message = 'A browser sent several cookies of our name; none of them counts.'
      this.#log.warn({ event: 'cookie.duplicate', count: found.length }, message)
      return undefined
    }
    const [, locator, secret] = valuePattern.exec(found[0]?.value ?? '') ?? []
    return locator && secret ? { locator, secret } : undefined
  }

  /** The `Set-Cookie` value that hands a session to its browser. */
  write({ locator, secret }: NamedSession, maxAgeSeconds: number): string {
    return serializeCookie(this.#shape, `${locator}.${secret}`, maxAgeSeconds)
  }

  /** The `Set-Cookie` value that removes it. */
  clear(): string {
    return serializeCookie(this.#shape, '', 0)
  }
}

/** The secret half of a new cookie. */
export function newSecret(): string {
  return randomId(256)
}

/** What the record keeps of the secret. */
export function secretDigest(secret: string): string {
  return digest('session secret', secret)
}

/** True when a record was made for this secret. */
export function isProved({ secret }: NamedSession, record: { readonly secretDigest: string }): boolean {
  return equalInConstantTime(record.secretDigest, secretDigest(secret))
}
