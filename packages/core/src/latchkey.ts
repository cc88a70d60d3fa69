import type { IncomingMessage } from 'node:http'
import { LatchkeyError } from './errors.ts'
import type { LatchkeyEvents, TypedEmitter } from './events.ts'
import type { ApiAccess } from './fetch/api-access.ts'
import type { PlainRequest, Reply } from './flows/http.ts'
import { headerOf } from './flows/request-headers.ts'
import type { ApplicationOptions } from './latchkey/applications.ts'
import { checkLoginRequirement, type LoginRequirement } from './latchkey/login-requirement.ts'
import { answersNothing, oauthOf, onLoginOf } from './latchkey/opened-request.ts'
import { type Parts, partsOf } from './latchkey/parts.ts'
import {
  describeProviders,
  ownPaths,
  ownPrefixes,
  type ProviderInfo,
  redirectUris,
} from './latchkey/provider-info.ts'
import {
  type CreatedSession,
  type ImportedAccount,
  type NewSession,
  WithoutRequest,
} from './latchkey/without-request.ts'
import { warnOfGlobalDispatcher } from './options/global-dispatcher.ts'
import { warnOfOldNode } from './options/node-version.ts'
import { type AppSessionSettings, type LatchkeyOptions, type Settings, settingsOf } from './options.ts'
import { signsUsersIn } from './protocol/provider.ts'
import {
  type Answer,
  type RequestOAuth,
  type SessionOutcome,
  sessionOf,
  type UserAccess,
} from './request-oauth.ts'
import type { KnownSession } from './session/sessions.ts'
import type { AppSessionStore } from './store/store.ts'
import type { EarlyRead } from './vault/early-read.ts'

export type { ApplicationOptions } from './latchkey/applications.ts'
export type { LoginRequirement } from './latchkey/login-requirement.ts'
export type { ProviderInfo } from './latchkey/provider-info.ts'
export type { Tokens } from './latchkey/tokens.ts'
export type { CreatedSession, ImportedAccount, NewSession } from './latchkey/without-request.ts'

/** Options of `buttons()`. */
export interface ButtonsOptions {
  /** A path of this app that a sign-in leads to. @default routes.afterLogin */
  readonly returnTo?: string
}

/** The app's own session, for adapters. */
export interface AppSessionParts {
  readonly settings: AppSessionSettings
  readonly store: AppSessionStore
  /** Deletes the data of an id that should be gone, once the store is back. */
  readonly deleteLater: (id: string) => void
}

/**
 * All of Latchkey behind a web framework: plain requests in, plain replies out. Adapters wrap it; apps use an adapter.
 */
export class Latchkey<Id extends string = string> {
  /** The configured providers, in their order. */
  readonly providers: readonly ProviderInfo<Id>[]
  /** What happens to sign-ins and grants. No payload holds a secret. */
  readonly events: TypedEmitter<LatchkeyEvents>
  /** What {@link Latchkey.route} answers is one of these paths, or begins with one of {@link Latchkey.pathPrefixes}. */
  readonly paths: readonly string[]
  /** With a slash at the end. */
  readonly pathPrefixes: readonly string[]
  readonly #settings: Settings
  readonly #parts: Parts
  readonly #withoutRequest: WithoutRequest<Id>
  #closed: Promise<void> | undefined

  /** @throws {LatchkeyError} `invalid_options` */
  constructor(options: LatchkeyOptions<Id, never>) {
    const settings = settingsOf(options, process.env)
    this.#settings = settings
    this.#parts = partsOf(
      settings,
      onLoginOf(settings, () => this.#parts),
    )
    this.#withoutRequest = new WithoutRequest(this.#parts, settings)
    const { events, log } = this.#parts
    warnOfOldNode(process.versions.node, log)
    warnOfGlobalDispatcher(globalThis, log)
    this.events = events
    this.paths = ownPaths(settings, log)
    this.pathPrefixes = ownPrefixes(settings)
    this.providers = describeProviders(settings)
  }

  /** The app's own session (`req.session`), unless it is turned off. */
  get appSession(): AppSessionParts | undefined {
    const { appSession } = this.#settings
    const { store, flows } = this.#parts
    return (
      appSession && {
        settings: appSession,
        store: store.appSessions,
        deleteLater: (id) => flows.whenStoreIsBack(() => store.appSessions.delete(id)),
      }
    )
  }

  /** Where adapters log to. */
  get log(): Settings['log'] {
    return this.#parts.log
  }

  /** Answers a request on one of our own paths; `undefined` for every other, mostly without a promise. */
  route(request: PlainRequest): Promise<Reply | undefined> | undefined {
    return this.#parts.flows.route(request)
  }

  /**
   * The `req.oauth` of a request. Costs one store command with our cookie and none without. Never rejects for the
   * store: then every read of the result throws `store_unavailable`.
   *
   * @param answer makes a reply and writes it as the answer of this request, or rejects without making it when the
   *   response has begun.
   * @param onLook called when the app first asks who is signed in: {@link sharedCacheHeaders} are due then.
   */
  open(request: PlainRequest, answer: Answer, onLook?: () => void): Promise<RequestOAuth<Id>> {
    let early: EarlyRead | undefined
    return this.#resume(
      request,
      (outcome) => oauthOf<Id>(this.#parts, { request, outcome, answer, onLook, early }),
      (known) => {
        early = this.#parts.earlyGrants.read(request.url, known)
      },
    )
  }

  /**
   * The `req.oauth` of a request that the framework does not route: a WebSocket upgrade, a GraphQL context. It answers
   * nothing, so `login()` and `logout()` reject with `not_supported`.
   */
  async from(req: Pick<IncomingMessage, 'headers'>): Promise<RequestOAuth<Id>> {
    const request = {
      method: 'GET',
      url: '/',
      headers: req.headers,
      readBody: async () => '',
      native: req,
    }
    return this.#resume(request, (outcome) =>
      oauthOf<Id>(this.#parts, { request, outcome, answer: answersNothing }),
    )
  }

  /**
   * The client's own access to a provider's API (client credentials, RFC 6749 §4.4): one token per scope and audience
   * for the whole cluster, minted when it is first needed and refreshed before it expires.
   *
   * @throws {LatchkeyError} `invalid_options`: no such provider or option, or one token is all that the server keeps.
   * @throws {LatchkeyError} `not_supported`: the provider, or this client there, has no such tokens.
   */
  application(provider: Id, options?: ApplicationOptions): ApiAccess {
    return this.#withoutRequest.application(provider, options)
  }

  /**
   * A user of the app without a request, for jobs and admin pages; `undefined` when nothing is known of that user id:
   * no account is kept and nobody is signed in.
   *
   * @throws {LatchkeyError} `store_unavailable`, `invalid_options`
   */
  user(userId: string): Promise<UserAccess<Id> | undefined> {
    return this.#withoutRequest.user(userId)
  }

  /**
   * Ends every session that somebody signed in to with this account; a sign-in that begins later is not affected.
   * Resolves to how many there were.
   *
   * @throws {LatchkeyError} `store_unavailable`: some may have ended; ask again. `invalid_options`
   */
  endSessions(account: { readonly provider: Id; readonly id: string }): Promise<number> {
    return this.#withoutRequest.endSessions(account)
  }

  /**
   * Makes a session as a sign-in does, without a browser: for tests and for migrating sessions.
   *
   * @throws {LatchkeyError} `account_in_use`, `store_unavailable`, `invalid_options`
   */
  createSession(session: NewSession<Id>): Promise<CreatedSession> {
    return this.#withoutRequest.createSession(session)
  }

  /**
   * Keeps an account for a user by tokens from elsewhere, so that nobody has to consent anew. Asks the provider who it
   * is, and refreshes first when the access token has expired. Can be repeated with the same tokens: it goes on where it
   * stopped, and does nothing once it is done. Needs `keepAccounts`.
   *
   * @throws {LatchkeyError} `login_required`: the tokens are dead. `account_in_use`: another user keeps the account.
   * @throws {LatchkeyError} `as_unavailable`, `as_misconfigured`, `store_unavailable`: nothing is lost, call again.
   * @throws {LatchkeyError} `invalid_options`
   */
  importAccount(account: ImportedAccount<Id>): Promise<void> {
    return this.#withoutRequest.importAccount(account)
  }

  /**
   * Refuses what `requireLogin()` cannot work with. Adapters call it where a route is defined.
   * @param requirement what the app passed, or a request when a framework called instead of the app.
   * @throws {LatchkeyError} `invalid_options`
   */
  checkRequirement(requirement: unknown): void {
    const ids = this.providers.map(({ id }) => id)
    checkLoginRequirement(requirement, this.#parts.clients.resolvesMore ? undefined : ids)
  }

  /**
   * Lets a request through that meets the requirement.
   * @param oauth what {@link Latchkey.open} made for it.
   * @throws {LatchkeyError} `login_required`, `insufficient_scope`, `cross_site_request`, `store_unavailable`
   */
  async guard(request: PlainRequest, oauth: object, requirement: LoginRequirement<Id>): Promise<void> {
    await this.#parts.flows.guard(request, sessionOf(oauth), requirement)
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
    return this.#parts.flows.errorReply(error, request, signedIn(oauth))
  }

  /** "Sign in with …" links, one per provider: safe HTML with inline SVG and no script. */
  buttons(options: ButtonsOptions = {}): string {
    return this.#parts.flows.buttons({ returnTo: options.returnTo })
  }

  /** Says once which redirect URIs must be registered, outside production: one for each `baseUrl`. */
  announce(): void {
    for (const provider of this.#settings.providers.filter(signsUsersIn)) {
      for (const uri of redirectUris(this.#settings, provider)) {
        this.#settings.announce(`register this redirect URI at ${provider.name}: ${uri}`)
      }
    }
  }

  /**
   * Saves what is not saved yet and closes what Latchkey opened; never a client or dispatcher that was passed in. Takes
   * up to a minute while the store is away and a rotated token waits to be saved.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { vault, flows, store, transport } = this.#parts
    await vault.close()
    await flows.close()
    await store.close()
    await transport.close()
  }

  #resume<T>(
    request: PlainRequest,
    open: (outcome: SessionOutcome) => T,
    meanwhile?: (known: KnownSession) => void,
  ): Promise<T> {
    return this.#parts.sessions.resume(headerOf(request, 'cookie'), meanwhile).then(
      (session) => open({ session }),
      (failure: unknown) => open({ failure }),
    )
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
