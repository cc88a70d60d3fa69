import type { LatchkeyOptions, RequestOAuth } from '@latchkey/core'
import {
  type AppMember,
  appMembers,
  Latchkey as Core,
  carry,
  guardSharedCaches,
  type LoginRequirement,
  type Reply,
} from '@latchkey/core/adapter'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { AppSession } from './app-session.ts'
import { errorHandler } from './error-handler.ts'
import { Mounting } from './mounting.ts'
import { RequestStates } from './request-state.ts'
import { requireLogin } from './require-login.ts'
import { ExpressRequest, requireUnanswered, writeReply } from './translate.ts'

/** The request of a sign-in, as `onLogin` gets it: `oauth` says who was signed in before. */
export type LoginRequest = Omit<Request, 'oauth'> & { readonly oauth: RequestOAuth }

/**
 * Express middleware that brings the sign-in routes, `req.oauth` and `req.session`; and everything else that an app
 * needs of Latchkey.
 */
export interface Latchkey<Id extends string = string> extends RequestHandler, Pick<Core<Id>, AppMember> {
  /**
   * Middleware that lets only signed-in users through. Requests with an unsafe method must also prove that they come
   * from this site. Everybody else gets the error `login_required`, which `errorHandler` turns into a login.
   */
  readonly requireLogin: (requirement?: LoginRequirement<Id>) => RequestHandler
  /** Answers Latchkey's errors: leads to the login and back, or shows a page, or sends problem details. Mount it last. */
  readonly errorHandler: ErrorRequestHandler
}

/**
 * Sets Latchkey up for Express 5. Options left out come from the environment.
 *
 * ```ts
 * const auth = latchkey({ baseUrl: 'http://127.0.0.1:3000', providers: [spotify()] })
 * app.use(auth)
 * ```
 *
 * @throws {LatchkeyError} `invalid_options`: the message names option, variable and fix.
 */
export function latchkey<Id extends string>(options: LatchkeyOptions<Id, LoginRequest>): Latchkey<Id> {
  const core = new Core<Id>(options)
  const adapter = new ExpressAdapter<Id>(core)
  const handle: RequestHandler = (req, res, next) => adapter.handle(req, res, next, handle)
  core.announce()
  const withCore = carry(handle, core, appMembers)
  return carry(withCore, adapter, ['requireLogin', 'errorHandler'])
}

/** Express on one side, core on the other: translates, and decides nothing. */
class ExpressAdapter<Id extends string> {
  readonly requireLogin: Latchkey<Id>['requireLogin']
  readonly errorHandler: ErrorRequestHandler
  readonly #core: Core<Id>
  readonly #appSession: AppSession | undefined
  readonly #mounting: Mounting
  readonly #states = new RequestStates()

  constructor(core: Core<Id>) {
    const { appSession, paths, log } = core
    this.#core = core
    this.#appSession = appSession && new AppSession(appSession, this.#states, log)
    this.#mounting = new Mounting({ paths, ownsSession: appSession !== undefined, log })
    this.requireLogin = (requirement = {}) => requireLogin(core, requirement)
    this.errorHandler = errorHandler(core, (req, res, reply) => this.#answer(req, res, async () => reply))
  }

  /** Answers a request, or opens it and hands it on to the app. */
  async handle(req: Request, res: Response, next: NextFunction, self: RequestHandler): Promise<void> {
    this.#mounting.check(req, self)
    const state = this.#states.of(req)
    if (state.isOpened) return next()
    guardSharedCaches(res, state)
    const request = new ExpressRequest(req)
    const routed = this.#core.route(request)
    const reply = routed && (await routed)
    if (reply !== undefined) return this.#answer(req, res, async () => reply)
    const opening = this.#core.open(
      request,
      (make) => this.#answer(req, res, make),
      () => {
        state.isPrivate = true
      },
    )
    // Both reads leave at once and share a round trip.
    const reading = this.#appSession?.attach(req, res)
    const oauth = await opening
    if (reading !== undefined) await reading
    req.oauth = oauth as unknown as Request['oauth'] // the app registers this instance's ids, or none
    state.isOpened = true
    next()
  }

  async #answer(req: Request, res: Response, make: () => Promise<Reply>): Promise<void> {
    requireUnanswered(res)
    const reply = await make()
    const state = this.#states.of(req)
    guardSharedCaches(res, state) // not yet, when something failed before us
    state.isPrivate = true
    if (reply.appSession !== undefined) await this.#appSession?.change(reply.appSession, req, res)
    writeReply(res, reply)
  }
}
