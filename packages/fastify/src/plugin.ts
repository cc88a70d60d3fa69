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
import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  onSendHookHandler,
  RouteHandlerMethod,
  RouteShorthandOptions,
} from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { AppSession } from './app-session.ts'
import { type ErrorHandler, errorHandler } from './error-handler.ts'
import { scopedPaths } from './mounting.ts'
import { RequestStates } from './request-state.ts'
import { type LoginHook, requireLogin } from './require-login.ts'
import { PlainFastifyRequest, requireUnanswered, writeReply } from './translate.ts'

/** The request of a sign-in, as `onLogin` gets it: `oauth` says who was signed in before. */
export type LoginRequest = Omit<FastifyRequest, 'oauth'> & { readonly oauth: RequestOAuth }

/** Options of `app.register()`. */
export interface RegisterOptions {
  /** That of `routes`. Absent: that of the scope. */
  readonly prefix?: string
}

/**
 * A Fastify plugin that brings the sign-in routes, `request.oauth` and `request.session`; and everything else that an
 * app needs of Latchkey. Once registered it is `app.latchkey` too.
 */
export interface Latchkey<Id extends string = string>
  extends FastifyPluginAsync<RegisterOptions>,
    Pick<Core<Id>, AppMember> {
  /**
   * A hook, for `onRequest` or `preHandler`, that lets only signed-in users through. Requests with an unsafe method must
   * also prove that they come from this site. Everybody else gets the error `login_required`, which `errorHandler` turns
   * into a login.
   */
  readonly requireLogin: (requirement?: LoginRequirement<Id>) => LoginHook
  /** Answers Latchkey's errors: `app.setErrorHandler(auth.errorHandler)`. Every other error is left to Fastify. */
  readonly errorHandler: ErrorHandler
}

/**
 * Sets Latchkey up for Fastify 5. Options left out come from the environment.
 *
 * ```ts
 * const auth = latchkey({ baseUrl: 'http://127.0.0.1:3000', providers: [spotify()] })
 * await app.register(auth)
 * app.setErrorHandler(auth.errorHandler)
 * ```
 *
 * @throws {LatchkeyError} `invalid_options`: the message names option, variable and fix.
 */
export function latchkey<Id extends string>(options: LatchkeyOptions<Id, LoginRequest>): Latchkey<Id> {
  const core = new Core<Id>(options)
  const adapter = new FastifyAdapter<Id>(core)
  const plugin: FastifyPluginAsync<RegisterOptions> = (app, registered) =>
    adapter.register(app, registered, auth)
  core.announce()
  const withCore = carry(fastifyPlugin(plugin, about), core, appMembers)
  const auth: Latchkey<Id> = carry(withCore, adapter, ['requireLogin', 'errorHandler'])
  return auth
}

type PluginOptions = LatchkeyOptions<string, LoginRequest> & RegisterOptions

const pluginOfOptions: FastifyPluginAsync<PluginOptions> = async (app, { prefix, ...options }) => {
  await app.register(latchkey(options), prefix === undefined ? {} : { prefix })
}

/** The same as a plugin that takes the options itself, for autoload. */
export const latchkeyPlugin: FastifyPluginAsync<PluginOptions> = fastifyPlugin(pluginOfOptions, {
  name: '@latchkey/fastify/autoload',
  fastify: '5.x',
})

/** Marks the routes that need no `request.oauth`. */
const isLatchkeys = true
const about = { name: '@latchkey/fastify', fastify: '5.x' }

/** Fastify on one side, core on the other: translates, and decides nothing. */
class FastifyAdapter<Id extends string> {
  readonly requireLogin: Latchkey<Id>['requireLogin']
  readonly errorHandler: ErrorHandler
  readonly #core: Core<Id>
  readonly #appSession: AppSession | undefined
  readonly #states = new RequestStates()

  constructor(core: Core<Id>) {
    const { appSession, log } = core
    this.#core = core
    this.#appSession = appSession && new AppSession(appSession, this.#states, log)
    this.requireLogin = (requirement = {}) => requireLogin(core, requirement)
    this.errorHandler = errorHandler(core, (request, reply, answered) =>
      this.#answer(request, reply, async () => answered),
    )
  }

  async register(app: FastifyInstance, { prefix }: RegisterOptions, auth: Latchkey<Id>): Promise<void> {
    const { paths, pathPrefixes } = this.#core
    const patterns = [...new Set(paths), ...pathPrefixes.map((one) => `${one}*`)]
    const urls = scopedPaths(patterns, app.prefix, prefix)
    this.#states.decorate(app)
    if (!app.hasRequestDecorator('oauth')) app.decorateRequest('oauth')
    if (!app.hasDecorator('latchkey'))
      app.decorate('latchkey', auth as unknown as FastifyInstance['latchkey'])
    await this.#appSession?.decorate(app)
    app.addHook('onSend', this.#send)
    app.addHook('onClose', () => this.#core.close())
    // They read their bodies themselves.
    await app.register(async (own) => {
      own.removeAllContentTypeParsers()
      own.addContentTypeParser('*', (_request, _payload, done) => done(null))
      // The app's error handler may be set later, and is the one for what its own callbacks throw.
      const route: RouteShorthandOptions = {
        config: { isLatchkeys },
        errorHandler: (error, request, reply) => app.errorHandler(error, request, reply),
      }
      for (const url of urls) own.all(url, route, this.#route)
    })
    app.addHook('onRequest', this.#open)
  }

  readonly #route: RouteHandlerMethod = async (request, reply) => {
    const answered = await this.#core.route(new PlainFastifyRequest(request))
    if (answered === undefined) reply.callNotFound()
    else await this.#answer(request, reply, async () => answered)
    return reply
  }

  readonly #open: onRequestAsyncHookHandler = async (request, reply) => {
    const state = this.#states.of(request)
    if (state.isOpened) return
    guardSharedCaches(reply.raw, state)
    if (request.routeOptions.config.isLatchkeys) return
    const opening = this.#core.open(
      new PlainFastifyRequest(request),
      (make) => this.#answer(request, reply, make),
      () => {
        state.isPrivate = true
      },
    )
    // Both reads leave at once and share a round trip.
    const reading = this.#appSession?.attach(request, reply)
    const oauth = await opening
    if (reading !== undefined) await reading
    request.oauth = oauth as unknown as FastifyRequest['oauth'] // the app registers this instance's ids, or none
    state.isOpened = true
  }

  readonly #send: onSendHookHandler = (request, _reply, payload, done) => {
    const { session } = this.#states.of(request)
    if (session === undefined) done(null, payload)
    else session.save(payload, () => done(null, payload))
  }

  async #answer(request: FastifyRequest, reply: FastifyReply, make: () => Promise<Reply>): Promise<void> {
    requireUnanswered(reply)
    const answered = await make()
    const state = this.#states.of(request)
    guardSharedCaches(reply.raw, state) // not yet, when something failed before us
    state.isPrivate = true
    if (answered.appSession !== undefined) await this.#appSession?.change(answered.appSession, request, reply)
    await writeReply(reply, answered)
  }
}
