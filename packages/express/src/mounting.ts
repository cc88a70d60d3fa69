import { LatchkeyError, type Logger } from '@latchkey/core'
import type { Application, Request, RequestHandler } from 'express'

/** Names of the middleware functions of express-session and cookie-session. */
const sessionMiddleware = new Set(['session', '_cookieSession'])

/** What {@link Mounting} works with. */
interface MountingParts {
  /** Paths that Latchkey answers. */
  readonly paths: readonly string[]
  /** Whether Latchkey provides `req.session`. */
  readonly ownsSession: boolean
  readonly log: Logger
}

/** Checks once where and in what an app has put us. */
export class Mounting {
  readonly #parts: MountingParts
  readonly #checked = new WeakSet<Application>()

  constructor(parts: MountingParts) {
    this.#parts = parts
  }

  /** @throws {LatchkeyError} `not_supported`, `invalid_options`: it cannot work like this. */
  check(req: Request, handler: RequestHandler): void {
    if (req.baseUrl !== '') this.#requireReachableRoutes(req.baseUrl)
    if (this.#checked.has(req.app)) return
    requireExpress5(req.app)
    this.#checked.add(req.app)
    if (this.#parts.ownsSession) this.#reportLaterSession(req.app, handler)
  }

  #requireReachableRoutes(mountPath: string): void {
    const { paths } = this.#parts
    // Express matches mount paths in any case, and `req.baseUrl` is what the visitor typed.
    const mounted = mountPath.toLowerCase()
    if (paths.some((path) => path.toLowerCase().startsWith(`${mounted}/`))) return
    throw new LatchkeyError(
      'invalid_options',
      'app.use() mounts Latchkey under a path that none of its routes lies below, so nobody could sign in. ' +
        `Its routes are ${paths.join(', ')}. Use app.use(auth), or set the option routes: { prefix }. ` +
        'If that path stands in baseUrl and the proxy in front does not strip it, take it out of baseUrl and use ' +
        'routes: { prefix } instead.',
    )
  }

  #reportLaterSession(app: Application, handler: RequestHandler): void {
    const { stack } = app.router
    const own = stack.findIndex((layer) => layer.handle === handler)
    if (own === -1 || !stack.slice(own + 1).some((layer) => sessionMiddleware.has(layer.name))) return
    this.#parts.log.error(
      { event: 'app_session.mounted_twice' },
      'A session middleware is mounted after Latchkey, which provides req.session already. Remove it, or mount it ' +
        'before app.use(auth) to keep it, or pass session: false to latchkey().',
    )
  }
}

/** What Fastify hands a plugin is no request. */
export function registeredInFastify(): LatchkeyError {
  return new LatchkeyError(
    'not_supported',
    'app.register() got Latchkey for Express. Import latchkey from @latchkey/fastify, which takes the same options.',
  )
}

function requireExpress5(app: Application): void {
  if (!('lazyrouter' in app)) return // a method that Express 5 no longer has
  throw new LatchkeyError(
    'not_supported',
    'This app runs on Express 4, which neither waits for asynchronous handlers nor passes their errors on. ' +
      'Upgrade: npm install express@5.',
  )
}
