import { LatchkeyError } from '../errors.ts'
import type { SessionAccount } from '../session/record.ts'
import type { Session } from '../session/sessions.ts'
import { Transactions } from '../session/transaction.ts'
import { callbackPath, isProviderId, loginPath, returnToOf } from './addresses.ts'
import { BackgroundWork } from './background-work.ts'
import { buttons } from './buttons.ts'
import { type CallbackRoute, callback } from './callback.ts'
import type { FlowContext, FlowParts } from './context.ts'
import { createSession, type SessionRequest } from './create-session.ts'
import { disconnect } from './disconnect.ts'
import { errorReply, failureReply, methodNotAllowed } from './error-reply.ts'
import { guard, type Requirement } from './guard.ts'
import type { PlainRequest, Reply } from './http.ts'
import { type ImportRequest, importAccount } from './import-account.ts'
import { type LoginRequest, loginRoute, startLogin } from './login.ts'
import { endSessions, endUser, type LogoutRequest, logoutRoute, signOut } from './logout.ts'
import { nothingYet } from './replies.ts'
import { isPrefetch } from './request-headers.ts'
import { Revocations } from './revocations.ts'
import type { FlowSettings } from './settings.ts'
import type { SignInClient } from './sign-in-client.ts'
import { signInPage } from './sign-in-page.ts'
import type { Step } from './step.ts'
import { stepRoute } from './step-route.ts'
import { inBackground } from './when-store-is-back.ts'

/** What stands behind a provider's login path, for whoever is signed in. */
const steps = ['link', 'consent'] as const

type Handler = (request: PlainRequest) => Promise<Reply>

/** Everything that Latchkey answers itself, and the answers that the app's own routes ask for. */
export class Flows {
  readonly #context: FlowContext
  readonly #handlers: ReadonlyMap<string, Handler>
  /** What the login and the callback paths of providers begin with that are only known when asked for. */
  readonly #openPrefixes: readonly [login: string, callback: string]

  constructor(parts: FlowParts) {
    const { sealer, clock, log, settings } = parts
    const transactions = new Transactions({ sealer, clock, log, cookie: settings.cookie })
    const background = new BackgroundWork(clock)
    const revocations = new Revocations({ ...parts, background })
    this.#context = { ...parts, transactions, background, revocations }
    this.#handlers = this.#configuredHandlers()
    const { prefix, callback } = settings.routes
    this.#openPrefixes = [`${loginPath(settings)}/`, `${prefix}${callback}/`]
  }

  /**
   * Answers a request on one of our paths, failures included; `undefined` when the path is not exactly one of them: at
   * once where that is plain, because nearly every request is the app's own. Rejects only with errors that are about
   * the program.
   */
  route(request: PlainRequest): Promise<Reply | undefined> | undefined {
    const path = pathOf(request.url)
    const handler = this.#handlers.get(path)
    if (handler === undefined && !this.#openPrefixes.some((prefix) => path.startsWith(prefix)))
      return undefined
    return this.#answer(request, path, handler)
  }

  /** The answer that begins a login, for code that asks for one. See {@link startLogin}. */
  login(request: PlainRequest, session: Session | undefined, options: LoginRequest): Promise<Reply> {
    return startLogin(this.#context, request, session, options)
  }

  /** Signs out and answers, for code that asks for it. `returnTo` is a path below `baseUrl`. See {@link signOut}. */
  logout(request: PlainRequest, session: Session | undefined, options: LogoutRequest): Promise<Reply> {
    return signOut(this.#context, request, session, options)
  }

  /** Ends every session of a user. See {@link endUser}. */
  endUser(userId: string): Promise<number> {
    return endUser(this.#context, userId)
  }

  /** Ends every session that somebody signed in to with this account. See {@link endSessions}. */
  endSessions(account: { readonly provider: string; readonly id: string }): Promise<number> {
    return endSessions(this.#context, account)
  }

  /** Stores a session that no browser made; its `Set-Cookie` value. See {@link createSession}. */
  createSession(request: SessionRequest): Promise<string> {
    return createSession(this.#context, request)
  }

  /** Keeps an account by tokens from elsewhere. See {@link importAccount}. */
  importAccount(request: ImportRequest): Promise<void> {
    return importAccount(this.#context, request)
  }

  /** Ends an account for its user. See {@link disconnect}. */
  disconnect(userId: string, account: SessionAccount): Promise<void> {
    return disconnect(this.#context, userId, account)
  }

  /** Lets a request through or throws. See {@link guard}. */
  guard(request: PlainRequest, session: Session | undefined, requirement: Requirement): Promise<void> {
    return guard(this.#context, request, session, requirement)
  }

  /** The answer to an error in one of the app's routes; `undefined` for errors that are not for visitors. */
  errorReply(
    error: unknown,
    request: PlainRequest,
    session: Session | undefined,
  ): Promise<Reply | undefined> {
    return errorReply(error, request, session, this.#context)
  }

  /** "Sign in with …" links as HTML. Without `returnTo` they lead to `afterLogin`. */
  buttons({ returnTo }: { readonly returnTo: string | undefined }): string {
    const { settings, log } = this.#context
    const [baseUrl] = settings.baseUrls
    const safe = returnTo === undefined ? undefined : returnToOf(returnTo, settings, baseUrl, log)
    return buttons(settings, baseUrl, safe)
  }

  /** Does in the background what a sign-in or sign-out could not do. It is tried for an hour. */
  whenStoreIsBack(work: () => Promise<void>): void {
    inBackground(this.#context).later(work)
  }

  /** Resolves when nothing goes on in the background any more; what waits for another try has it now. */
  close(): Promise<void> {
    return this.#context.background.close()
  }

  async #answer(
    request: PlainRequest,
    path: string,
    configured: Handler | undefined,
  ): Promise<Reply | undefined> {
    try {
      const handler = configured ?? (await this.#handlerOfResolvedProvider(path))
      if (handler === undefined) return undefined
      if (request.method === 'GET' && isPrefetch(request)) return nothingYet()
      return await handler(request)
    } catch (error) {
      const reply = LatchkeyError.is(error) ? failureReply(error, request, this.#context.settings) : undefined
      if (reply === undefined) throw error
      return reply
    }
  }

  #configuredHandlers(): ReadonlyMap<string, Handler> {
    const { settings } = this.#context
    const { routes, providers } = settings
    const handlers = new Map<string, Handler>()
    // With nothing to choose from it is the app's own page, which may ask who the visitor's provider is.
    if (providers.listed.length > 0) {
      const page: Handler = (request) => signInPage(this.#context, request)
      handlers.set(loginPath(settings), only('GET', settings, page))
    }
    handlers.set(
      routes.prefix + routes.logout,
      only('POST', settings, (request) => logoutRoute(this.#context, request)),
    )
    for (const client of providers.listed) {
      handlers.set(loginPath(settings, client.provider.id), this.#loginHandler(client))
      for (const purpose of steps) {
        handlers.set(
          `${loginPath(settings, client.provider.id)}/${purpose}`,
          this.#stepHandler(client, purpose),
        )
      }
      const path = callbackPath(settings, client.provider)
      const sharing = providers.listed.filter((other) => callbackPath(settings, other.provider) === path)
      handlers.set(path, this.#callbackHandler({ path, clients: sharing }))
    }
    return handlers
  }

  /** Providers that are only known when asked for have the standard paths. */
  async #handlerOfResolvedProvider(path: string): Promise<Handler | undefined> {
    const { settings } = this.#context
    const [login, callbackId] = this.#openPrefixes
    const purpose = steps.find((step) => path.startsWith(login) && path.endsWith(`/${step}`))
    const loginId = idBehind(login, purpose === undefined ? path : path.slice(0, -purpose.length - 1))
    const id = loginId ?? idBehind(callbackId, path)
    const client = id === undefined ? undefined : await settings.providers.find(id)
    if (client === undefined) return undefined
    if (loginId !== undefined) {
      return purpose === undefined ? this.#loginHandler(client) : this.#stepHandler(client, purpose)
    }
    if (callbackPath(settings, client.provider) !== path) return undefined
    return this.#callbackHandler({ path, clients: [client] })
  }

  #loginHandler(client: SignInClient): Handler {
    return only('GET', this.#context.settings, (request) => loginRoute(this.#context, request, client))
  }

  #stepHandler(client: SignInClient, purpose: Step['purpose']): Handler {
    return async (request) =>
      request.method === 'GET' || request.method === 'POST'
        ? stepRoute(this.#context, request, client, purpose)
        : methodNotAllowed(request, 'GET, POST', this.#context.settings)
  }

  #callbackHandler(route: CallbackRoute): Handler {
    return (request) => callback(this.#context, request, route)
  }
}

/** Frameworks answer HEAD with their GET routes; ours would spend something. */
function only(method: string, settings: FlowSettings, handler: Handler): Handler {
  return async (request) =>
    request.method === method ? handler(request) : methodNotAllowed(request, method, settings)
}

/** The path exactly as it came: forms that only a normalising reader takes for ours are not ours. */
function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}

function idBehind(prefix: string, path: string): string | undefined {
  const id = path.startsWith(prefix) ? path.slice(prefix.length) : ''
  return isProviderId(id) ? id : undefined
}
