import type { Clock } from '../clock.ts'
import { LatchkeyError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import { type Provider, signsUsersIn } from '../protocol/provider.ts'
import { within } from '../protocol/within.ts'
import { LruMap } from '../store/lru-map.ts'

/** How many resolved providers one process keeps; the least used makes room. */
const mostResolved = 1_000
/** How many ids are asked for at once: anybody can ask for any id. */
const mostPending = 1_000
const longestLookupMs = 10_000

/** What {@link ProviderClients} works with. */
export interface ProviderClientsParts {
  readonly providers: readonly Provider[]
  /** Finds providers that are not configured by name; `undefined`: there are none. */
  readonly resolve: ((id: string) => Promise<Provider | undefined>) | undefined
  readonly makeClient: (provider: Provider) => ProtocolClient
  readonly clock: Clock
  readonly log: Logger
}

/** The clients of all providers: those that are configured, and those that are found when asked for. */
export class ProviderClients {
  /** All that are configured. */
  readonly configured: readonly ProtocolClient[]
  /** Those of them that sign users in. */
  readonly listed: readonly ProtocolClient[]
  /** True when `find` knows more than are listed. */
  readonly resolvesMore: boolean
  readonly #parts: ProviderClientsParts
  readonly #byId: ReadonlyMap<string, ProtocolClient>
  readonly #resolved = new LruMap<ProtocolClient>(mostResolved)
  readonly #pending = new Map<string, Promise<ProtocolClient | undefined>>()

  constructor(parts: ProviderClientsParts) {
    this.#parts = parts
    this.configured = parts.providers.map(parts.makeClient)
    this.listed = this.configured.filter(({ provider }) => signsUsersIn(provider))
    this.resolvesMore = parts.resolve !== undefined
    this.#byId = new Map(this.configured.map((client) => [client.provider.id, client]))
  }

  /** A client by its provider's id, where nobody has to be asked for it. */
  known(id: string): ProtocolClient | undefined {
    return this.#byId.get(id) ?? this.#resolved.get(id)
  }

  /**
   * Any client by its provider's id. What is not found, or fails, is asked for again next time.
   *
   * @throws {LatchkeyError} `as_unavailable`: the app's own lookup failed, took longer than 10 s, or is overrun.
   * `invalid_options`: what it found cannot be used.
   */
  async find(id: string): Promise<ProtocolClient | undefined> {
    const known = this.known(id)
    const { resolve } = this.#parts
    if (known !== undefined || resolve === undefined) return known
    const pending = this.#pending.get(id)
    if (pending !== undefined) return pending
    if (this.#pending.size >= mostPending) throw this.#unavailable('too_many')
    const asked = this.#ask(id, resolve).finally(() => this.#pending.delete(id))
    this.#pending.set(id, asked)
    return asked
  }

  /** {@link ProviderClients.find} among those that sign users in. */
  async findForSignIn(id: string): Promise<ProtocolClient | undefined> {
    const client = await this.find(id)
    return client !== undefined && signsUsersIn(client.provider) ? client : undefined
  }

  async #ask(
    id: string,
    resolve: NonNullable<ProviderClientsParts['resolve']>,
  ): Promise<ProtocolClient | undefined> {
    const lookup = Promise.resolve(id)
      .then(resolve)
      .then((provider) => ({ provider }))
      .catch((error: unknown) => {
        // The app's own error may hold anything, so neither a log nor a visitor sees it.
        throw LatchkeyError.is(error) ? error : this.#unavailable('failed')
      })
    const answer = await within(this.#parts.clock, longestLookupMs, lookup)
    if (answer === undefined) throw this.#unavailable('timeout')
    const { provider } = answer
    if (provider === undefined) return undefined
    requireStandardCallback(provider)
    const client = this.#parts.makeClient(provider)
    this.#resolved.set(id, client)
    return client
  }

  #unavailable(reason: 'failed' | 'timeout' | 'too_many'): LatchkeyError {
    const message = lookupFailures[reason]
    this.#parts.log.error({ event: 'provider.lookup_failed', reason }, message)
    return new LatchkeyError('as_unavailable', message, { reason: 'provider_lookup' })
  }
}

const lookupFailures = {
  failed: 'The option resolveProvider threw an error.',
  timeout: 'The option resolveProvider brought no answer in 10 seconds.',
  too_many: 'The option resolveProvider is asked for too many providers at once.',
} as const

/** Which paths are ours is settled at start, before anybody knows this provider. */
function requireStandardCallback({ id, callbackPath }: Provider): void {
  if (callbackPath === undefined) return
  throw new LatchkeyError(
    'invalid_options',
    `${id}: callbackPath ${callbackPath} would never be answered, because the provider comes from resolveProvider. ` +
      'Leave callbackPath out, or name the provider in the option providers.',
    { provider: id, reason: 'callbackPath' },
  )
}
