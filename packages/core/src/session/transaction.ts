import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { digest } from '../crypto/digest.ts'
import { SealError, type Sealer } from '../crypto/seal.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import {
  type CookieSettings,
  type CookieShape,
  parseCookies,
  serializeCookie,
  transactionCookiePrefix,
} from './cookie.ts'
import {
  decodeTransaction,
  encodeTransaction,
  maxScopeBytes,
  maxTextBytes,
  type Purpose,
  packScope,
  type SealedTransaction,
} from './transaction-codec.ts'

/** How long a login may take. */
export const transactionLifetimeSeconds = 600
/** How far the clocks of two of our machines may lie apart. */
const clockToleranceSeconds = 60
/** How long a used marker must stand, so that it outlives the cookie on every machine's clock. */
export const usedMarkerSeconds: number = transactionLifetimeSeconds + 2 * clockToleranceSeconds
/** How many logins one browser may have open; the oldest makes room. */
const maxOpen = 8

/** What a login is about to do, and at which authorization server. */
export interface TransactionTarget {
  readonly provider: string
  /** The authorization server and our client there. */
  readonly identity: string
  readonly redirectUri: string
  readonly purpose: Purpose
  readonly responseMode: 'query' | 'form_post'
}

/** What a link or consent is bound to; see {@link sessionBinding}. */
export interface SessionBound {
  readonly locator: string
  readonly userId: string
  /** The account that a consent must return. Absent for a link. */
  readonly subject?: string
}

/** A login about to leave for the authorization server. */
export interface BegunTransaction {
  /** Complete `Set-Cookie` values: this login's cookie, and the deletion of the oldest beyond eight. */
  readonly setCookies: readonly string[]
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** A login that this browser has open. */
export interface OpenTransaction {
  /** Names it: derived from `state`, and says nothing about it. */
  readonly id: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly purpose: Purpose
  /** The {@link sessionBinding} of a link or consent; empty for a sign-in. */
  readonly session: string
  readonly returnTo: string
  /** Scope asked for beyond the provider's own. */
  readonly scope: readonly string[]
  /** Digest of the {@link TransactionTarget} it was made for. */
  readonly target: string
  /** The `Set-Cookie` value that removes its cookie. */
  readonly clearCookie: string
}

/** What {@link Transactions} works with. */
export interface TransactionParts {
  readonly sealer: Sealer
  readonly clock: Clock
  readonly log: Logger
  readonly cookie: CookieSettings
}

/** Pending logins. Each lives in one sealed cookie of the browser that began it, and nowhere else. */
export class Transactions {
  readonly #sealer: Sealer
  readonly #clock: Clock
  readonly #log: Logger
  readonly #cookie: CookieSettings
  readonly #prefix: string

  constructor({ sealer, clock, log, cookie }: TransactionParts) {
    this.#sealer = sealer
    this.#clock = clock
    this.#log = log
    this.#cookie = cookie
    this.#prefix = transactionCookiePrefix(cookie)
  }

  /**
   * Begins a login. Everything that must be unguessable follows from one fresh 32-byte seed.
   * A `returnTo` that does not fit beside `scope` becomes `/`.
   * @throws {LatchkeyError} `invalid_options`: the extra scope is too long for the cookie.
   */
  begin(
    cookieHeader: string | undefined,
    login: {
      readonly target: TransactionTarget
      /** Of a link or consent. */
      readonly session: SessionBound | undefined
      readonly scope: readonly string[]
      readonly returnTo: string
    },
  ): BegunTransaction {
    const seed = randomBytes(32)
    const state = derived(seed, 'state')
    const start = Math.floor(this.#clock.now()).toString(36)
    const name = `${start}.${transactionId(state)}`
    const scope = login.scope.join(' ')
    const { purpose } = login.target
    const plaintext = encodeTransaction({
      seed,
      purpose,
      target: transactionTarget(login.target),
      session: login.session === undefined ? '' : sessionBinding(login.session),
      scope: this.#fittingScope(scope),
      returnTo: this.#fittingReturnTo(login.returnTo, packScope(scope).length),
    })
    const sealed = Buffer.from(this.#sealer.seal({ kind: 'transaction', name }, plaintext)).toString(
      'base64url',
    )
    const cookie = serializeCookie(this.#shape(name), sealed, transactionLifetimeSeconds)
    return { setCookies: [cookie, ...this.#evictions(cookieHeader)], state, ...secretsOf(seed) }
  }

  /** The login of this browser that `state` belongs to; `undefined` when there is none, or it is too old or changed. */
  open(cookieHeader: string | undefined, state: string): OpenTransaction | undefined {
    const id = transactionId(state)
    const named = this.#cookies(cookieHeader).filter((cookie) => cookie.id === id)
    const [found] = named
    if (found === undefined || named.length > 1) return undefined
    const age = this.#clock.now() - found.start
    if (age > transactionLifetimeSeconds || age < -clockToleranceSeconds) return undefined
    const opened = this.#unseal(found.name, found.value)
    if (opened === undefined || derived(opened.seed, 'state') !== state) return undefined
    const { seed, purpose, target, session, scope, returnTo } = opened
    const clearCookie = serializeCookie(this.#shape(found.name), '', 0)
    const scopes = scope === '' ? [] : scope.split(' ')
    return { id, purpose, target, session, returnTo, scope: scopes, clearCookie, ...secretsOf(seed) }
  }

  #unseal(name: string, value: string): SealedTransaction | undefined {
    try {
      return decodeTransaction(
        this.#sealer.open({ kind: 'transaction', name }, Buffer.from(value, 'base64url')),
      )
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      // The browser keeps the cookie: another process may have the key that this one lacks.
      this.#log.warn(
        { event: 'transaction.unopened', fault: error.fault },
        'A transaction cookie does not open.',
      )
      return undefined
    }
  }

  /** Deletions that leave room for one more. Names are enough: nothing is opened. */
  #evictions(cookieHeader: string | undefined): readonly string[] {
    // Browsers send older cookies first, which settles logins begun within one second.
    const newestFirst = this.#cookies(cookieHeader)
      .toReversed()
      .sort((a, b) => b.start - a.start)
    return newestFirst.slice(maxOpen - 1).map(({ name }) => serializeCookie(this.#shape(name), '', 0))
  }

  #cookies(cookieHeader: string | undefined): readonly NamedCookie[] {
    return parseCookies(cookieHeader).flatMap(({ name, value }) => {
      if (!name.startsWith(this.#prefix)) return []
      const own = name.slice(this.#prefix.length)
      const [, start, id] = cookieName.exec(own) ?? []
      return start && id ? [{ name: own, value, id, start: Number.parseInt(start, 36) }] : []
    })
  }

  #shape(name: string): CookieShape {
    return { name: this.#prefix + name, secure: this.#cookie.secure, sameSite: 'Lax' }
  }

  #fittingScope(scope: string): string {
    if (packScope(scope).length <= maxScopeBytes) return scope
    const message = `The scope that a login adds to the provider's own is longer than ${maxScopeBytes} bytes, packed.`
    throw new LatchkeyError('invalid_options', `${message} Put it into the provider's scope option.`)
  }

  #fittingReturnTo(returnTo: string, scopeBytes: number): string {
    const length = Buffer.byteLength(returnTo)
    if (length + scopeBytes <= maxTextBytes) return returnTo
    this.#log.warn(
      { event: 'returnto.rejected', reason: 'too_long', length },
      'A return address was replaced by /.',
    )
    return '/'
  }
}

interface NamedCookie {
  /** Start time and id, as in the cookie's name and in the seal's binding. */
  readonly name: string
  readonly value: string
  readonly id: string
  /** Epoch seconds. */
  readonly start: number
}

/** `<start, base 36>.<id>` behind the prefix. */
const cookieName = /^([0-9a-z]{6,8})\.([\w-]{16})$/

/** The name of the transaction that `state` belongs to: 96 bits of its digest. */
export function transactionId(state: string): string {
  return digest('transaction id', state).slice(0, 16)
}

/** 16 bytes that differ when anything about the target does. */
export function transactionTarget(target: TransactionTarget): string {
  const { provider, identity, redirectUri, purpose, responseMode } = target
  return firstHalf(digest('transaction target', provider, identity, redirectUri, purpose, responseMode))
}

/**
 * 16 bytes that say which session a link or consent belongs to. They hold over a new secret in the same session, and
 * no longer when another user signs in over it.
 */
export function sessionBinding({ locator, userId, subject = '' }: SessionBound): string {
  return firstHalf(digest('transaction session', locator, userId, subject))
}

function firstHalf(full: string): string {
  return Buffer.from(full, 'base64url').subarray(0, 16).toString('base64url')
}

function secretsOf(seed: Uint8Array): { readonly nonce: string; readonly codeVerifier: string } {
  return { nonce: derived(seed, 'nonce'), codeVerifier: derived(seed, 'code verifier') }
}

/** 256 bits that nobody can get from another label's, nor back to the seed. */
function derived(seed: Uint8Array, label: 'state' | 'nonce' | 'code verifier'): string {
  return createHmac('sha256', seed).update(`latchkey ${label}`).digest('base64url')
}
