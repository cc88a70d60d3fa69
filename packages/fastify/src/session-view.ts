import { hasAppData } from '@latchkey/core/adapter'
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
type View = FastifyRequest & { session: FastifyRequest['session'] | null }

/**
 * Runs @fastify/session on a view of a request instead of the request itself. That makes it lazy (the first look at
 * `request.session` starts it), keeps a failed read from failing routes that never look, and decides about `Secure` by
 * `baseUrl` without touching what the app sees as `request.protocol`.
 */
export class SessionView {
  readonly #parts: SessionViewParts
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  #made: View | undefined
  #state: 'untouched' | 'started' | 'failed' = 'untouched'
  #failure: unknown
  #isLookedAt = false
  #broughtData = false

  constructor(parts: SessionViewParts, request: FastifyRequest, reply: FastifyReply) {
    this.#parts = parts
    this.#request = request
    this.#reply = reply
  }

  /** True once anything looked at the session or it was loaded. */
  get isStarted(): boolean {
    return this.#state !== 'untouched'
  }

  /** True when the app looked at the session and there was data in it, or is now. */
  get isShown(): boolean {
    return this.#isLookedAt && (this.#broughtData || hasAppData(this.#made?.session))
  }

  /** The id that the request came with or got. */
  get id(): string | undefined {
    return this.#made?.session?.sessionId ?? this.#namedId()
  }

  /** `request.session`. @throws what reading the store threw. */
  get session(): View['session'] {
    if (this.#state === 'failed') throw this.#failure
    // Without a cookie nothing has to be read, and @fastify/session is done at once.
    if (this.#state === 'untouched') this.#start(() => {})
    return this.#view.session
  }

  /** What the app sees, or assigns. */
  look(): View['session'] {
    this.#isLookedAt = true
    return this.session
  }

  assign(session: View['session']): void {
    this.#isLookedAt = true
    if (this.#state === 'untouched') this.#state = 'started'
    this.#view.session = session
  }

  /** Starts @fastify/session; resolves when the session is read, or could not be. Never rejects. */
  load(): Promise<void> {
    return new Promise((resolve) => this.#start(resolve))
  }

  /** Before the answer is sent: saves what was changed, and sets the cookie. */
  save(payload: unknown, done: () => void): void {
    if (this.#state !== 'started') {
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

  #start(whenRead: () => void): void {
    this.#state = 'started'
    const done = (error?: unknown): void => {
      if (error !== undefined && error !== null) {
        this.#state = 'failed'
        this.#failure = error
      }
      this.#broughtData = hasAppData(this.#made?.session)
      whenRead()
    }
    try {
      this.#parts.hooks.onRequest(this.#view, this.#reply, done)
    } catch (error) {
      done(error)
    }
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
