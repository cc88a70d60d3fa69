import type { Signer } from '@fastify/cookie'
import { LazySession } from '@latchkey/core/adapter'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SessionHooks } from './session-library.ts'

/** What {@link SessionView} works with, for all requests. */
export interface SessionViewParts {
  readonly hooks: SessionHooks
  readonly signer: Signer
  readonly cookieName: string
  /** What stands before the signed id. */
  readonly cookiePrefix: string
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
      this.#parts.hooks.onSend(this.#view, this.#cookieReply, payload, saved)
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
    this.#made ??= this.#makeView()
    return this.#made
  }

  #makeView(): View {
    const { cookieName, cookiePrefix, signer, secure } = this.#parts
    const id = this.#namedId()
    // The library deletes a cookie that another secret than the first has signed: so it sees none such.
    const cookies = id === undefined ? {} : { [cookieName]: cookiePrefix + signer.sign(id) }
    return Object.create(this.#request, {
      session: { value: null, writable: true },
      cookies: { value: cookies },
      protocol: { value: secure ? 'https' : 'http' },
    }) as View // which it inherits from
  }

  /** The id that the browser's cookie names, if it is signed by one of the secrets. */
  #namedId(): string | undefined {
    const { signer, cookieName, cookiePrefix } = this.#parts
    const value = parseCookie(this.#request.headers.cookie ?? '')[cookieName]
    if (!value?.startsWith(cookiePrefix)) return undefined
    return signer.unsign(value.slice(cookiePrefix.length)).value ?? undefined
  }

  /** What @fastify/session uses of a reply. */
  get #cookieReply(): FastifyReply {
    const setCookie = (name: string, value: string, options: object): void => {
      this.#reply.header('set-cookie', stringifySetCookie({ ...options, name, value }))
    }
    const clearCookie = (name: string, options: object): void =>
      setCookie(name, '', { ...options, expires: new Date(0), maxAge: 0 })
    return { setCookie, clearCookie } as unknown as FastifyReply
  }
}
