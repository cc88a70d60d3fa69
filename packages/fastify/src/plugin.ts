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
import { FastifyExchange } from './exchange.ts'
import { requireFastify, requireFreeRoutes, scopedPaths } from './mounting.ts'
import type { SessionView } from './session-view.ts'

/** A hook for `onRequest` or `preHandler`. */
export type LoginHook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** What `app.setErrorHandler()` takes. */
export type ErrorHandler = (
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>

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

/** Options of the plugin that autoload takes: those of {@link latchkey}, and those of `app.register()`. */
export type PluginOptions = LatchkeyOptions<string, LoginRequest> & RegisterOptions

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
const howToMount =
  'found no request.oauth: await app.register(auth) in the same scope, or one around it, before the routes that need it.'

/** Fastify on one side, core on the other: translates, and decides nothing. */
class FastifyAdapter<Id extends string> {
  readonly requireLogin: Latchkey<Id>['requireLogin']
  readonly errorHandler: ErrorHandler
  readonly #core: Core<Id>
  readonly #appSession: AppSession | undefined
  readonly #exchanges = new Exchanges(
    (request: FastifyRequest, reply: FastifyReply) => new FastifyExchange(request, reply),
  )
  readonly #lifecycle: Lifecycle<Id, FastifyExchange>

  constructor(core: Core<Id>) {
    const { appSession, log } = core
    this.#core = core
    this.#appSession = appSession && new AppSession(appSession, log, this.#exchanges)
    this.#lifecycle = new Lifecycle(core, this.#appSession)
    this.requireLogin = (requirement = {}) => {
      core.checkRequirement(requirement)
      return (request, reply) =>
        this.#lifecycle.guard(this.#exchanges.of(request, reply), requirement, howToMount)
    }
    this.errorHandler = async (error, request, reply) => {
      if (!(await this.#lifecycle.answerError(error, this.#exchanges.of(request, reply)))) throw error
      return reply
    }
  }

  async register(app: FastifyInstance, { prefix }: RegisterOptions, auth: Latchkey<Id>): Promise<void> {
    requireFastify(app)
    const { paths, pathPrefixes } = this.#core
    const patterns = [...new Set(paths), ...pathPrefixes.map((one) => `${one}*`)]
    const urls = scopedPaths(patterns, app.prefix, prefix)
    requireFreeRoutes(app, urls)
    const { key } = this.#exchanges
    if (!app.hasRequestDecorator(key)) app.decorateRequest(key, null)
    if (!app.hasRequestDecorator('oauth')) app.decorateRequest('oauth')
    if (!app.hasDecorator('latchkey'))
      app.decorate('latchkey', auth as unknown as FastifyInstance['latchkey'])
    this.#appSession?.decorate(app)
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

  readonly #open: onRequestAsyncHookHandler = (request, reply) =>
    request.routeOptions.config.isLatchkeys
      ? Promise.resolve()
      : this.#lifecycle.open(this.#exchanges.of(request, reply))

  readonly #route: RouteHandlerMethod = async (request, reply) => {
    const exchange = this.#exchanges.of(request, reply)
    if (await this.#lifecycle.route(exchange)) return reply
    await this.#lifecycle.open(exchange)
    reply.callNotFound()
    return reply
  }

  readonly #send: onSendHookHandler = (request, _reply, payload, done) => {
    const session = this.#exchanges.find(request)?.session as SessionView | undefined
    if (session === undefined) done(null, payload)
    else session.save(payload, () => done(null, payload))
  }
}
