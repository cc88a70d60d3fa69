import type { OAuthClient } from '../protocol/oauth-client.ts'
import type { Provider } from '../protocol/provider.ts'
import { LruMap } from '../store/lru-map.ts'

/** How many resolved providers one process keeps; the least used makes room. */
const mostResolved = 1_000

/** What {@link ProviderClients} works with. */
export interface ProviderClientsParts {
  readonly providers: readonly Provider[]
  /** Finds providers that are not configured by name; `undefined`: there are none. */
  readonly resolve: ((id: string) => Promise<Provider | undefined>) | undefined
  readonly makeClient: (provider: Provider) => OAuthClient
}

/** The clients of all providers: those that are configured, and those that are found when asked for. */
export class ProviderClients {
  readonly listed: readonly OAuthClient[]
  /** True when `find` knows more than are listed. */
  readonly resolvesMore: boolean
  readonly #parts: ProviderClientsParts
  readonly #byId: ReadonlyMap<string, OAuthClient>
  readonly #resolved = new LruMap<Promise<OAuthClient | undefined>>(mostResolved)

  constructor(parts: ProviderClientsParts) {
    this.#parts = parts
    this.listed = parts.providers.map(parts.makeClient)
    this.resolvesMore = parts.resolve !== undefined
    this.#byId = new Map(this.listed.map((client) => [client.provider.id, client]))
  }

  /** Any client by its provider's id. What is not found, or fails, is asked for again next time. */
  async find(id: string): Promise<OAuthClient | undefined> {
    const configured = this.#byId.get(id)
    const { resolve } = this.#parts
    if (configured !== undefined || resolve === undefined) return configured
    const known = this.#resolved.get(id)
    if (known !== undefined) return known
    const asked = resolve(id).then((provider) => provider && this.#parts.makeClient(provider))
    this.#resolved.set(id, asked)
    const forget = (): void => {
      if (this.#resolved.get(id) === asked) this.#resolved.delete(id)
    }
    asked.then((client) => client ?? forget(), forget)
    return asked
  }
}
