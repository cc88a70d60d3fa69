import type { LatchkeyOptions, RequestOAuth } from '@latchkey/core'
import {
  type AppMember,
  appMembers,
  Latchkey as Core,
  carry,
  Exchanges,
  Lifecycle,
  type LoginRequirement,
} from '@latchkey/core/adapter'
import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import { AppSession } from './app-session.ts'
import { ExpressExchange } from './exchange.ts'
import { Mounting, registeredInFastify } from './mounting.ts'

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
  readonly #mounting: Mounting
  readonly #exchanges = new Exchanges((req: Request, res: Response) => new ExpressExchange(req, res))
  readonly #lifecycle: Lifecycle<Id, ExpressExchange>

  constructor(core: Core<Id>) {
    const { appSession, paths, log } = core
    const ownSession = appSession && new AppSession(appSession, log, this.#exchanges)
    this.#mounting = new Mounting({ paths, ownsSession: appSession !== undefined, log })
    this.#lifecycle = new Lifecycle(core, ownSession)
    this.requireLogin = (requirement = {}) => {
      core.checkRequirement(requirement)
      return async (req, res, next) => {
        await this.#lifecycle.guard(this.#exchanges.of(req, res), requirement, howToMount)
        next()
      }
    }
    this.errorHandler = async (error, req, res, next) => {
      if (!(await this.#lifecycle.answerError(error, this.#exchanges.of(req, res)))) next(error)
    }
  }

  /** Answers a request, or opens it and hands it on to the app. */
  handle(req: Request, res: Response, next: NextFunction, self: RequestHandler): Promise<void> {
    if ('addHook' in req) return Promise.resolve(next(registeredInFastify()))
    this.#mounting.check(req, self)
    return this.#lifecycle.handle(this.#exchanges.of(req, res)).then((isAnswered) => {
      if (!isAnswered) next()
    })
  }
}

const howToMount =
  'found no req.oauth: mount app.use(auth) without a path and before the routes that need it.'
