import type { Logger } from '@latchkey/core'
import {
  type AppSessionParts,
  type AppSessionPort,
  AppSessions,
  type Exchanges,
} from '@latchkey/core/adapter'
import type { Request, Response } from 'express'
import session from 'express-session'
import type { ExpressExchange } from './exchange.ts'
import { SessionView, type SessionViewParts, sessionAccessors } from './session-view.ts'

/**
 * The app's own session: express-session over the same store as everything else. Without its cookie and untouched it
 * costs nothing; with its cookie it is read before the app's handlers run.
 */
export class AppSession extends AppSessions<ExpressExchange> {
  readonly #viewParts: SessionViewParts
  readonly #defineOn: (req: Request) => void

  constructor(parts: AppSessionParts, log: Logger, exchanges: Exchanges<Request, Response, ExpressExchange>) {
    super(parts, log)
    const { secrets, cookieName, secure } = this.settings
    const handler = session({
      store: new PortStore(this.portFor(serialize)),
      secret: [...secrets],
      name: cookieName,
      resave: false,
      saveUninitialized: false,
      rolling: false,
      cookie: this.cookie,
    })
    this.#viewParts = { handler, secure, onLateError: () => this.reportUnsaved() }
    this.#defineOn = sessionAccessors((req) => exchanges.find(req)?.session as SessionView | undefined)
  }

  protected begin({ native, rawResponse }: ExpressExchange): SessionView | undefined {
    if ('session' in native) return undefined
    this.#defineOn(native)
    return new SessionView(this.#viewParts, native, rawResponse)
  }
}

/** express-session takes no store but one of its own class. */
class PortStore extends session.Store {
  override readonly get: session.Store['get']
  override readonly set: session.Store['set']
  override readonly destroy: session.Store['destroy']

  constructor({ get, set, destroy }: AppSessionPort) {
    super()
    // Written by express-session, or by @fastify/session, through `set`; its other fields are the app's.
    this.get = get as session.Store['get']
    this.set = set
    this.destroy = destroy
  }
}

/** The part of express-session's cookie that its types leave out. */
type SentCookie = new (stored: object) => { serialize(name: string, value: string): string }

function serialize(cookie: object): unknown {
  return new (session.Cookie as unknown as SentCookie)(cookie).serialize('name', 'value')
}
