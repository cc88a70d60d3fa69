import { digest } from '../crypto/digest.ts'
import { type ApiAccess, AuthorizedAccess } from '../fetch/api-access.ts'
import { keyedAccess } from '../fetch/keyed-access.ts'
import { type ResourceServer, resourceServerOf } from '../fetch/resource-server.ts'
import { requireClient } from '../flows/require-client.ts'
import { isOptionsObject, isTextList, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from '../input/known-names.ts'
import { invalidOption } from '../options/invalid-option.ts'
import { audienceOf } from '../protocol/audience.ts'
import { requireClientCredentials } from '../protocol/client-credentials.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { Provider } from '../protocol/provider.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { Vault } from '../vault/vault.ts'
import { ApplicationSource, explained, type Mint } from './application-source.ts'
import type { ProviderClients } from './provider-clients.ts'

/** Options of `auth.application()`. */
export interface ApplicationOptions {
  /** @default none: whatever the server gives */
  readonly scope?: readonly string[]
  /** The API that the token is for, where the server wants to be told (Auth0). @default none */
  readonly audience?: string
}

const names: NamesOf<ApplicationOptions> = { scope: true, audience: true }
/** The id of the one grant in an application's slot. */
const applicationGrantId = 'application'
/** So long a token set is kept that nobody uses. */
const keepSeconds = 30 * 86_400

/** What {@link Applications} works with. */
export interface ApplicationParts {
  readonly clients: Pick<ProviderClients, 'configured' | 'find'>
  readonly vault: Pick<Vault, 'fresh'>
  readonly dispatcher: Dispatcher
}

/** The client's own access to its providers' APIs: one token per provider, scope and audience in the whole cluster. */
export class Applications {
  readonly #parts: ApplicationParts

  constructor(parts: ApplicationParts) {
    this.#parts = parts
  }

  /** @throws {LatchkeyError} `invalid_options`, `not_supported` */
  access(id: string, options: ApplicationOptions = {}): ApiAccess {
    checkOptions(options)
    const { scope = [], audience } = options
    const wanted = { scope: [...new Set(scope)].sort(), ...(audience === undefined ? {} : { audience }) }
    const configured = this.#parts.clients.configured.find(({ provider }) => provider.id === id)
    if (configured !== undefined) mintAt(configured.provider, wanted)
    let made: Promise<ApiAccess> | undefined
    const access = (): Promise<ApiAccess> => {
      made ??= this.#make(id, wanted).catch((error: unknown) => {
        made = undefined
        throw error
      })
      return made
    }
    return {
      fetch: async (input, init) => (await access()).fetch(input, init),
      request: async (url, requestOptions) => (await access()).request(url, requestOptions),
      accessToken: async (tokenOptions) => (await access()).accessToken(tokenOptions),
    }
  }

  async #make(id: string, wanted: Mint): Promise<ApiAccess> {
    const { clients, vault, dispatcher } = this.#parts
    const client = await requireClient(clients, id)
    const { provider } = client
    const { mint, resourceServer } = mintAt(provider, wanted)
    if (provider.apiKeyHeaders !== undefined) return keyedAccess(provider, dispatcher)
    const handle = {
      ref: { slot: slotOf(client, mint), id: applicationGrantId },
      client: new ApplicationSource(client, mint),
      account: { provider: id, id: provider.clientId },
      keepSeconds,
    }
    const fresh: Vault['fresh'] = async (grant, need) => {
      try {
        return await vault.fresh(grant, need)
      } catch (error) {
        throw explained(error, provider, mint)
      }
    }
    return new AuthorizedAccess({ vault: { fresh }, handle, dispatcher, ...resourceServer })
  }
}

/**
 * Where the token of a mint lies. Where a new token kills the one before, all that is the same client shares one; else
 * what a preset adds to the token request makes it another token.
 */
function slotOf(client: ProtocolClient, { scope, audience = '' }: Mint): string {
  const { id, exclusive, tokenParams } = client.provider
  const preset = exclusive ? '' : JSON.stringify([id, Object.entries(tokenParams).sort()])
  return digest('application', client.identity(), preset, audience, ...scope)
}

function checkOptions(options: unknown): void {
  if (!isOptionsObject(options)) {
    const example = `auth.application('auth0', { audience: 'https://api.example' })`
    throw invalidOption(
      `application() takes its options as one object, like ${example}, not ${kindOf(options)}.`,
    )
  }
  requireKnownKeys<ApplicationOptions>('application()', options, names)
  const { scope, audience }: { readonly scope?: unknown; readonly audience?: unknown } = options
  if (scope !== undefined && !isTextList(scope))
    throw invalidOption(`The option scope of application() must be a list of strings, not ${kindOf(scope)}.`)
  if (scope?.includes(''))
    throw invalidOption('The option scope of application() has an empty entry. Leave it out.')
  if (audience !== undefined && typeof audience !== 'string')
    throw invalidOption(`The option audience of application() must be a string, not ${kindOf(audience)}.`)
  if (audience === '')
    throw invalidOption('The option audience of application() is empty. Name the API, or leave it out.')
}

/**
 * What is asked of the server, and where its token may go.
 * @throws {LatchkeyError} `not_supported`, `invalid_options`: no such token can be had there.
 */
function mintAt(
  provider: Provider,
  wanted: Mint,
): { readonly mint: Mint; readonly resourceServer: ResourceServer } {
  if (provider.apiKeyHeaders === undefined) requireClientCredentials(provider)
  requireOneToken(provider, wanted)
  const { clientLogin } = provider
  if (clientLogin === undefined) return { mint: wanted, resourceServer: resourceServerOf(provider) }
  if (wanted.scope.length > 0)
    throw invalidOption(`${provider.name} knows no scope, so application('${provider.id}') takes none.`)
  const { name, resourceOrigins } = audienceOf(provider.id, clientLogin, wanted.audience)
  return {
    mint: { scope: [], audience: name },
    resourceServer: resourceServerOf({ ...provider, resourceOrigins }),
  }
}

/** Where a new token kills the one before, two kinds of token would kill each other for ever. */
function requireOneToken({ id, name, exclusive }: Provider, { scope, audience }: Mint): void {
  if (!exclusive || (scope.length === 0 && audience === undefined)) return
  throw invalidOption(
    `${name} keeps only one application token alive, so application('${id}') takes neither scope nor audience.`,
  )
}
