import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Transport } from '../transport/transport.ts'
import type { JsonObject } from './json-object.ts'
import { fetchServerDocument } from './server-document.ts'

type LocalKeys = ReturnType<typeof createLocalJWKSet>

const fetchDeadlineMs = 5_000
/** Keys are asked for again after an hour, so that a withdrawn one does not serve forever. */
const freshSeconds = 3600
/** While the endpoint is down, the last good keys serve this long. */
const staleSeconds = 24 * 3600
/** Between two fetches for an unknown key, and after a failed fetch with good keys at hand. */
const pauseSeconds = 60
/** Real servers publish a handful. */
const mostKeys = 100

/**
 * The signature keys of one authorization server, cached. Safe for concurrent use: one fetch at a time.
 * A token whose key is unknown causes one fetch, at most one a minute however many such tokens come.
 */
export class KeySource {
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #log: Logger
  readonly #provider: string
  #known: { readonly keys: LocalKeys; readonly uri: string; readonly fetchedAt: number } | undefined
  #fetching: { readonly uri: string; readonly keys: Promise<LocalKeys> } | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #searchedAt = Number.NEGATIVE_INFINITY

  constructor(deps: { provider: string; transport: Transport; clock: Clock; log: Logger }) {
    this.#provider = deps.provider
    this.#transport = deps.transport
    this.#clock = deps.clock
    this.#log = deps.log
  }

  /**
   * Finds the one key for a token's header, for `jose`. Without `kid` the algorithm must leave a single key.
   * Keys and URLs in the header itself (`jwk`, `jku`, `x5u`) are never looked at.
   *
   * The returned function throws `as_unavailable` when no keys can be had, and jose's errors otherwise.
   */
  resolver(uri: string): JWTVerifyGetKey {
    return async (header, token) => {
      const keys = await this.#keys(uri)
      try {
        return await keys(header, token)
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#maySearch()) throw error
        const newer = await this.#fetchOnce(uri)
        return newer(header, token)
      }
    }
  }

  async #keys(uri: string): Promise<LocalKeys> {
    const known = this.#known?.uri === uri ? this.#known : undefined
    if (known === undefined) return this.#fetchOnce(uri)
    // The distance, not the age: a clock set back must not make keys immortal.
    const age = Math.abs(this.#clock.now() - known.fetchedAt)
    const mayWait = age < staleSeconds && Math.abs(this.#clock.now() - this.#failedAt) < pauseSeconds
    if (age < freshSeconds || mayWait) return known.keys
    try {
      return await this.#fetchOnce(uri)
    } catch (error) {
      if (age >= staleSeconds) throw error
      return known.keys
    }
  }

  #maySearch(): boolean {
    const now = this.#clock.now()
    if (Math.abs(now - this.#searchedAt) < pauseSeconds) return false
    this.#searchedAt = now
    return true
  }

  #fetchOnce(uri: string): Promise<LocalKeys> {
    if (this.#fetching?.uri === uri) return this.#fetching.keys
    const keys = this.#fetch(uri).finally(() => {
      this.#fetching = undefined
    })
    this.#fetching = { uri, keys }
    return keys
  }

  async #fetch(uri: string): Promise<LocalKeys> {
    const now = this.#clock.now()
    try {
      const document = await fetchServerDocument({
        transport: this.#transport,
        url: uri,
        deadlineMs: fetchDeadlineMs,
        provider: this.#provider,
        now,
      })
      const keys = createLocalJWKSet(signatureKeys(document, this.#provider))
      this.#known = { keys, uri, fetchedAt: now }
      return keys
    } catch (error) {
      this.#failedAt = now
      const reason = LatchkeyError.is(error) ? error.reason : 'malformed'
      this.#log.warn(
        { event: 'jwks.rejected', provider: this.#provider, reason },
        'The key set is not usable.',
      )
      throw LatchkeyError.is(error) ? error : unusable(this.#provider, 'malformed')
    }
  }
}

function signatureKeys({ keys }: JsonObject, provider: string): JSONWebKeySet {
  if (!Array.isArray(keys)) throw unusable(provider, 'no_keys')
  if (keys.length > mostKeys) throw unusable(provider, 'too_many_keys')
  // Symmetric keys and private halves have no place in a published set (RFC 7517 §9.3).
  return { keys: keys.filter((key) => isObject(key) && key.kty !== 'oct' && !Object.hasOwn(key, 'd')) }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unusable(provider: string, reason: string): LatchkeyError {
  return new LatchkeyError('as_unavailable', `${provider}: its key set cannot be used (${reason}).`, {
    provider,
    reason,
  })
}
