import { LazySession } from '@latchkey/core/adapter'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Cookies, SessionHooks } from './session-library.ts'

/** What {@link SessionView} works with, for all requests. */
export interface SessionViewParts {
  readonly hooks: SessionHooks
  readonly cookies: Cookies
  readonly cookieName: string
  /** What stands before the signed id. */
  readonly cookiePrefix: string
  /** Of the signatures: the first one signs. */
  readonly secrets: readonly string[]
  /** Whether cookies are `Secure`: by `baseUrl`, since a proxy may have ended TLS. */
  readonly secure: boolean
  /** Told when a change could not be saved. */
  readonly onLateError: () => void
}

/** A request as @fastify/session has it. */
type View = FastifyRequest & { session: Session | null }
type Session = FastifyRequest['session']

/** Runs @fastify/session on a view of a request, which leaves what the app sees as `request.protocol` alone. */
export class SessionView extends LazySession<Session> {
  readonly #parts: SessionViewParts
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  #made: View | undefined

  constructor(parts: SessionViewParts, request: FastifyRequest, reply: FastifyReply) {
    super(parts.onLateError)
    this.#parts = parts
    this.#request = request
    this.#reply = reply
  }

  get id(): string | undefined {
    return this.#made?.session?.sessionId ?? this.#namedId()
  }

  /** What the app assigns. */
  assign(session: Session): void {
    this.override()
    this.#view.session = session
  }

  async regenerate(keys: readonly string[]): Promise<void> {
    await this.data()?.regenerate([...keys])
  }

  async destroy(): Promise<void> {
    await this.data()?.destroy()
  }

  /** Before the answer is sent: saves what was changed, and sets the cookie. */
  save(payload: unknown, done: () => void): void {
    if (!this.isReadable) {
      done()
      return
    }
    const saved = (error?: Error): void => {
      if (error) this.#parts.onLateError()
      done()
    }
    try {
      this.#parts.hooks.onSend(this.#view, this.#cookieReply(), payload, saved)
    } catch (error) {
      saved(error as Error) // whatever it is: it is not shown
    }
  }

  protected get viewed(): Session | null | undefined {
    return this.#made?.session
  }

  protected begin(done: (error?: unknown) => void): void {
    this.#parts.hooks.onRequest(this.#view, this.#reply, done)
  }

  get #view(): View {
    const { secure } = this.#parts
    this.#made ??= Object.create(this.#request, {
      session: { value: null, writable: true },
      cookies: { value: this.#signedAnew() },
      protocol: { value: secure ? 'https' : 'http' },
    }) as View // which it inherits from
    return this.#made
  }

  /** The id that the browser's cookie names, if it is signed by one of the secrets. */
  #namedId(): string | undefined {
    const { cookies, cookieName, cookiePrefix, secrets } = this.#parts
    const header = this.#request.headers.cookie
    const value = header === undefined ? undefined : cookies.parse(header)[cookieName]
    return value?.startsWith(cookiePrefix)
      ? cookies.unsign(value.slice(cookiePrefix.length), secrets)
      : undefined
  }

  /** @fastify/session deletes a cookie that another secret than the first has signed: so it sees none such. */
  #signedAnew(): Record<string, string> {
    const { cookies, cookieName, cookiePrefix, secrets } = this.#parts
    const id = this.#namedId()
    const [secret] = secrets
    return id === undefined || secret === undefined
      ? {}
      : { [cookieName]: cookiePrefix + cookies.sign(id, secret) }
  }

  /** What @fastify/session uses of a reply. */
  #cookieReply(): FastifyReply {
    const set = (name: string, value: string, options: object): void => {
      this.#reply.header('set-cookie', this.#parts.cookies.serialize(name, value, options))
    }
    const reply = {
      setCookie: set,
      clearCookie: (name: string, options: object) =>
        set(name, '', { ...options, expires: new Date(0), maxAge: 0 }),
    }
    return reply as unknown as FastifyReply
  }
}
