import { Sealer } from './crypto/seal.ts'
import { LatchkeyError } from './errors.ts'
import { Events, type LatchkeyEvents, type TypedEmitter } from './events.ts'
import { callbackPath, loginPath, redirectUri } from './flows/addresses.ts'
import type { Requirement } from './flows/guard.ts'
import type { PlainRequest, Reply } from './flows/http.ts'
import { headerOf } from './flows/request-headers.ts'
import { Flows } from './flows/routes.ts'
import { checkLoginRequirement, type LoginRequirement } from './latchkey/login-requirement.ts'
import { ProviderClients } from './latchkey/provider-clients.ts'
import { steadyLogger } from './log.ts'
import { warnOfOldNode } from './options/node-version.ts'
import { checkCallbackPaths, checkRedirectUri, warnOfSharedCallback } from './options/providers.ts'
import { type AppSessionSettings, type LatchkeyOptions, type Settings, settingsOf } from './options.ts'
import { ProtocolClient } from './protocol/protocol-client.ts'
import type { Provider } from './protocol/provider.ts'
import {
  type Answer,
  type RequestOAuth,
  requestOAuth,
  type SessionOutcome,
  sessionOf,
} from './request-oauth.ts'
import { Sessions } from './session/sessions.ts'
import { guardedStore } from './store/guarded-store.ts'
import type { AppSessionStore, Store } from './store/store.ts'
import { Transport } from './transport/transport.ts'
import { Vault } from './vault/vault.ts'

export type { LoginRequirement } from './latchkey/login-requirement.ts'

/** A configured provider, as pages and start-up logs need it. */
export interface ProviderInfo<Id extends string = string> {
  readonly id: Id
  /** For people. */
  readonly name: string
  /** Path that begins a login, `baseUrl`'s own prefix included. */
  readonly loginPath: string
  /** To be registered at the authorization server. */
  readonly redirectUri: string
}

/** Options of `buttons()`. */
export interface ButtonsOptions {
  /** A path of this app that a sign-in leads to. @default routes.afterLogin */
  readonly returnTo?: string
}

/** The app's own session, for adapters. */
export interface AppSessionParts {
  readonly settings: AppSessionSettings
  readonly store: AppSessionStore
}

/**
 * All of Latchkey behind a web framework: plain requests in, plain replies out. Adapters wrap it; apps use an adapter.
 */
export class Latchkey<Id extends string = string> {
  /** The configured providers, in their order. */
  readonly providers: readonly ProviderInfo<Id>[]
  /** What happens to sign-ins and grants. No payload holds a secret. */
  readonly events: TypedEmitter<LatchkeyEvents>
  /** Paths that {@link Latchkey.route} answers, those of resolved providers aside. */
  readonly paths: readonly string[]
  readonly #settings: Settings
  readonly #log: Settings['log']
  readonly #store: Store
  readonly #clients: ProviderClients
  readonly #transport: Transport
  readonly #vault: Vault
  readonly #sessions: Sessions
  readonly #flows: Flows
  #closed: Promise<void> | undefined

  /** @throws {LatchkeyError} `invalid_options` */
  constructor(options: LatchkeyOptions<Id>) {
    const settings = settingsOf(options, process.env)
    const { clock } = settings
    const log = steadyLogger(settings.log)
    warnOfOldNode(process.versions.node, log)
    const store = guardedStore(settings.store, log)
    const sealer = new Sealer(settings.secrets)
    const events = new Events(log)
    const transport = new Transport({ dispatcher: settings.dispatcher, clock })
    this.#settings = settings
    this.#log = log
    this.#store = store
    this.#transport = transport
    this.#clients = new ProviderClients({
      providers: settings.providers,
      resolve: settings.resolveProvider,
      makeClient: (provider) => new ProtocolClient(provider, { transport, clock, log }),
      clock,
      log,
    })
    this.#vault = new Vault({ store, sealer, clock, events, log })
    this.#sessions = new Sessions({ store, sealer, clock, log, settings: settings.sessions })
    const { baseUrls, routes, trustedOrigins, sessions } = settings
    const flowSettings = {
      baseUrls,
      routes,
      trustedOrigins,
      cookie: sessions.cookie,
      providers: this.#clients,
    }
    const [vault, inner] = [this.#vault, this.#sessions]
    this.#flows = new Flows({
      settings: flowSettings,
      sessions: inner,
      store,
      vault,
      sealer,
      clock,
      events,
      log,
    })
    const pathOf = (provider: Provider): string => callbackPath(settings, provider)
    const ownPaths = [loginPath(settings), routes.prefix + routes.logout]
    checkCallbackPaths(settings.providers, pathOf, ownPaths)
    warnOfSharedCallback(settings.providers, pathOf, log)
    this.events = events
    this.providers = this.#describeProviders()
    this.paths = [
      ...ownPaths,
      ...settings.providers.flatMap((provider) => [
        loginPath(settings, provider.id),
        callbackPath(settings, provider),
      ]),
    ]
  }

  /** The app's own session (`req.session`), unless it is turned off. */
  get appSession(): AppSessionParts | undefined {
    const { appSession } = this.#settings
    return appSession && { settings: appSession, store: this.#store.appSessions }
  }

  /** Where adapters log to. */
  get log(): Settings['log'] {
    return this.#log
  }

  /** Answers a request on one of our own paths; `undefined` for every other. */
  route(request: PlainRequest): Promise<Reply | undefined> {
    return this.#flows.route(request)
  }

  /**
   * The `req.oauth` of a request. Costs one store command with our cookie and none without. Never rejects for the
   * store: then every read of the result throws `store_unavailable`.
   *
   * @param answer makes a reply and writes it as the answer of this request, or rejects without making it when the
   *   response has begun.
   * @param onLook called when the app first asks who is signed in: {@link sharedCacheHeaders} are due then.
   */
  async open(request: PlainRequest, answer: Answer, onLook: () => void): Promise<RequestOAuth<Id>> {
    const outcome = await this.#resume(request)
    return requestOAuth<Id>({
      outcome,
      answer,
      onLook,
      vault: this.#vault,
      clients: this.#clients,
      dispatcher: this.#transport.dispatcher,
      login: ({ provider, scope, prompt, params, returnTo }) =>
        this.#flows.login(request, 'session' in outcome ? outcome.session : undefined, {
          provider,
          scope,
          prompt,
          params,
          returnTo,
        }),
      logout: (session, { returnTo }) => this.#flows.logout(request, session, { returnTo }),
    })
  }

  /**
   * Refuses what `requireLogin()` cannot work with. Adapters call it where a route is defined.
   * @param requirement what the app passed, or a request when a framework called instead of the app.
   * @throws {LatchkeyError} `invalid_options`
   */
  checkRequirement(requirement: unknown): void {
    const ids = this.providers.map(({ id }) => id)
    checkLoginRequirement(requirement, this.#clients.resolvesMore ? undefined : ids)
  }

  /**
   * Lets a request through that meets the requirement.
   * @param oauth what {@link Latchkey.open} made for it.
   * @throws {LatchkeyError} `login_required`, `insufficient_scope`, `cross_site_request`, `store_unavailable`
   */
  async guard(request: PlainRequest, oauth: object, requirement: LoginRequirement<Id>): Promise<void> {
    await this.#flows.guard(request, sessionOf(oauth), requirement as Requirement)
  }

  /**
   * The answer to an error of the app's routes; `undefined` when it is none of ours or about the program.
   * @param oauth absent: the error came before it was there.
   */
  async errorReply(
    error: unknown,
    request: PlainRequest,
    oauth: object | undefined,
  ): Promise<Reply | undefined> {
    // An error of the app's own asks nobody who is signed in.
    if (!LatchkeyError.is(error)) return undefined
    return this.#flows.errorReply(error, request, signedIn(oauth))
  }

  /** "Sign in with …" links, one per provider: safe HTML with inline SVG and no script. */
  buttons(options: ButtonsOptions = {}): string {
    return this.#flows.buttons({ returnTo: options.returnTo })
  }

  /** Says once which redirect URIs must be registered, outside production: one for each `baseUrl`. */
  announce(): void {
    for (const provider of this.#settings.providers) {
      for (const uri of this.#redirectUris(provider)) {
        this.#settings.announce(`register this redirect URI at ${provider.name}: ${uri}`)
      }
    }
  }

  /** Saves what is not saved yet and closes what Latchkey opened; never a client or dispatcher that was passed in. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#vault.close()
    await this.#flows.close()
    await this.#store.close()
    await this.#transport.close()
  }

  async #resume(request: PlainRequest): Promise<SessionOutcome> {
    try {
      return { session: await this.#sessions.resume(headerOf(request, 'cookie')) }
    } catch (failure) {
      return { failure }
    }
  }

  #redirectUris(provider: Provider): readonly string[] {
    return this.#settings.baseUrls.map((baseUrl) => redirectUri(this.#settings, provider, baseUrl))
  }

  #describeProviders(): readonly ProviderInfo<Id>[] {
    const [{ path }] = this.#settings.baseUrls
    return this.#settings.providers.map((provider) => {
      for (const uri of this.#redirectUris(provider)) checkRedirectUri(provider, uri)
      return {
        id: provider.id as Id, // the providers came in as ProviderPreset<Id>
        name: provider.name,
        loginPath: path + loginPath(this.#settings, provider.id),
        redirectUri: redirectUri(this.#settings, provider),
      }
    })
  }
}

/** The session of a request, where it is known. */
function signedIn(oauth: object | undefined): ReturnType<typeof sessionOf> {
  try {
    return oauth && sessionOf(oauth)
  } catch {
    return undefined
  }
}
