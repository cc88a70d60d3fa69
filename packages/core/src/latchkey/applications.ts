import { digest } from '../crypto/digest.ts'
import { type ApiAccess, AuthorizedAccess } from '../fetch/api-access.ts'
import { resourceServerOf } from '../fetch/resource-server.ts'
import { isOptionsObject, isTextList, kindOf } from '../input/kind-of.ts'
import { type NamesOf, requireKnownKeys } from '../input/known-names.ts'
import { invalidOption } from '../options/invalid-option.ts'
import type { ProtocolClient } from '../protocol/protocol-client.ts'
import type { Provider } from '../protocol/provider.ts'
import type { TokenAnswer, TokenSet } from '../protocol/token.ts'
import { unknownProvider } from '../request-oauth/account.ts'
import type { Dispatcher } from '../transport/undici.ts'
import type { TokenSource } from '../vault/grant.ts'
import type { Vault } from '../vault/vault.ts'

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
  readonly find: (id: string) => Promise<ProtocolClient | undefined>
  readonly vault: Pick<Vault, 'fresh'>
  readonly dispatcher: Dispatcher
}

/** The client's own access to its providers' APIs: one token per provider, scope and audience in the whole cluster. */
export class Applications {
  readonly #parts: ApplicationParts

  constructor(parts: ApplicationParts) {
    this.#parts = parts
  }

  /** @throws {LatchkeyError} `invalid_options` */
  access(provider: string, options: ApplicationOptions = {}): ApiAccess {
    checkOptions(options)
    const { scope = [], audience } = options
    const mint = { scope: [...new Set(scope)].sort(), ...(audience === undefined ? {} : { audience }) }
    let made: Promise<AuthorizedAccess> | undefined
    const access = (): Promise<AuthorizedAccess> => {
      made ??= this.#make(provider, mint).catch((error: unknown) => {
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

  async #make(
    id: string,
    mint: { readonly scope: readonly string[]; readonly audience?: string },
  ): Promise<AuthorizedAccess> {
    const { find, vault, dispatcher } = this.#parts
    const client = await find(id)
    if (client === undefined) throw unknownProvider(id)
    const { provider } = client
    requireOneToken(provider, mint)
    const slot = digest('application', client.identity(), mint.audience ?? '', ...mint.scope)
    const handle = {
      ref: { slot, id: applicationGrantId },
      client: new ApplicationSource(client, mint),
      account: { provider: id, id: provider.clientId },
      keepSeconds,
    }
    return new AuthorizedAccess({ vault, handle, dispatcher, ...resourceServerOf(provider) })
  }
}

/** Mints the client's own tokens anew instead of refreshing them: there is no refresh token (RFC 6749 §4.4.3). */
class ApplicationSource implements TokenSource {
  readonly #client: ProtocolClient
  readonly #request: { readonly scope: readonly string[]; readonly audience?: string }

  constructor(
    client: ProtocolClient,
    request: { readonly scope: readonly string[]; readonly audience?: string },
  ) {
    this.#client = client
    this.#request = request
  }

  get provider(): Provider {
    return this.#client.provider
  }

  identity(): string {
    return this.#client.identity()
  }

  canRefresh(): boolean {
    return true
  }

  refresh(_tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<TokenAnswer> {
    return this.obtain(options)
  }

  obtain(options: { readonly deadlineMs: number }): Promise<TokenAnswer> {
    return this.#client.mint(this.#request, options)
  }

  revoke(tokens: TokenSet, options: { readonly deadlineMs: number }): Promise<boolean> {
    return this.#client.revoke(tokens, options)
  }
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
  if (audience !== undefined && typeof audience !== 'string')
    throw invalidOption(`The option audience of application() must be a string, not ${kindOf(audience)}.`)
}

/** Where a new token kills the one before, two kinds of token would kill each other for ever. */
function requireOneToken(
  { id, name, exclusive }: Provider,
  { scope, audience }: { readonly scope: readonly string[]; readonly audience?: string },
): void {
  if (!exclusive || (scope.length === 0 && audience === undefined)) return
  throw invalidOption(
    `${name} keeps only one application token alive, so application('${id}') takes neither scope nor audience.`,
  )
}
