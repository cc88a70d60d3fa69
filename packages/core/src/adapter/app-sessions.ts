import type { AppSessionParts } from '../latchkey.ts'
import type { Logger } from '../log.ts'
import type { AppSessionSettings } from '../options.ts'
import { AppSessionPort } from './app-session-port.ts'
import type { Exchange } from './exchange.ts'
import type { LazySession } from './lazy-session.ts'

/** What becomes of an app's own sessions, whatever library keeps them. */
export abstract class AppSessions<Kept extends Exchange> {
  protected readonly settings: AppSessionSettings
  readonly #parts: AppSessionParts
  readonly #log: Logger

  constructor(parts: AppSessionParts, log: Logger) {
    this.settings = parts.settings
    this.#parts = parts
    this.#log = log
  }

  /** Gives a request its session, unless the app has one of its own there. */
  protected abstract begin(exchange: Kept): LazySession<object> | undefined

  /** Begins the session of a request. Resolves when it is read, and never rejects; `undefined` when there is nothing to
   * read, as for most requests, which then wait for nothing.
   */
  attach(exchange: Kept): Promise<void> | undefined {
    if (exchange.session !== undefined) return undefined
    exchange.session = this.begin(exchange)
    return this.#isNamedIn(exchange) ? exchange.session?.load() : undefined
  }

  /**
   * At a sign-in (`renew`) what stands under the kept keys moves to a new id, and the rest goes; at a sign-out
   * (`destroy`) everything goes. Nothing is read for a request without the session's cookie. Never rejects.
   */
  async change(how: 'renew' | 'destroy', exchange: Kept): Promise<void> {
    await this.attach(exchange)
    const { session } = exchange
    if (session === undefined || (!session.isStarted && !this.#isNamedIn(exchange))) return
    // Absent: the library sets its own.
    const setCookie = await (how === 'renew'
      ? this.#renew(session)
      : this.#change(session, () => this.#destroy(session)))
    if (setCookie !== undefined) exchange.addCookie(setCookie)
  }

  /** How the library sets its cookie; `maxAge` in milliseconds. */
  protected get cookie(): {
    readonly httpOnly: true
    readonly sameSite: 'lax'
    readonly path: '/'
    readonly secure: boolean
    readonly maxAge: number
  } {
    const { secure, cookieMaxAgeSeconds } = this.settings
    return { httpOnly: true, sameSite: 'lax', path: '/', secure, maxAge: cookieMaxAgeSeconds * 1000 }
  }

  /** Our store for the library. @param serialize see {@link AppSessionPort}. */
  protected portFor(serialize: (cookie: object) => unknown): AppSessionPort {
    return new AppSessionPort(this.#parts.store, this.settings.idleSeconds, serialize)
  }

  /** Says that a change could not be saved, when its answer is on its way already. */
  protected reportUnsaved(): void {
    this.#log.error({ event: 'app_session.save_failed' }, 'req.session could not be saved.')
  }

  #isNamedIn({ headers }: Kept): boolean {
    return typeof headers.cookie === 'string' && headers.cookie.includes(`${this.settings.cookieName}=`)
  }

  #renew(session: LazySession<object>): Promise<string | undefined> {
    return this.#change(session, async (data) => {
      const kept = Object.keys(data).filter((key) => this.settings.keep.includes(key))
      if (kept.length === 0) return this.#destroy(session)
      await session.regenerate(kept)
      return undefined
    })
  }

  async #change(
    session: LazySession<object>,
    change: (data: object) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const { id } = session
    try {
      const data = session.data()
      return data ? await change(data) : undefined
    } catch {
      // The sign-in or sign-out itself is done, so the browser loses the cookie now, and the data go when they can.
      if (id !== undefined) this.#parts.deleteLater(id)
      this.#log.error(
        { event: 'app_session.change_failed' },
        'req.session could not be replaced: its cookie is dropped, and its data are deleted once the store is back.',
      )
      return this.#removal
    }
  }

  async #destroy(session: LazySession<object>): Promise<string> {
    await session.destroy()
    return this.#removal
  }

  get #removal(): string {
    const { cookieName, secure } = this.settings
    return `${cookieName}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  }
}
