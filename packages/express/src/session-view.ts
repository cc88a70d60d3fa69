import type { Request, RequestHandler, Response } from 'express'

/** What express-session puts on a request. */
const members = ['session', 'sessionID', 'sessionStore'] as const
type Member = (typeof members)[number]

/** What {@link SessionView} works with. */
export interface SessionViewParts {
  readonly req: Request
  readonly res: Response
  /** express-session's middleware. */
  readonly handler: RequestHandler
  /** Whether cookies are `Secure`: by `baseUrl`, since a proxy may have ended TLS. */
  readonly secure: boolean
  /** Told about what goes wrong once the answer is on its way. */
  readonly onLateError: () => void
}

/**
 * Runs express-session on a view of a request instead of the request itself. That makes it lazy (the first look at
 * `req.session` starts it), keeps a failed read from failing routes that never look, and decides about `Secure` by
 * `baseUrl` without touching what the app sees as `req.secure`.
 */
export class SessionView {
  readonly #parts: SessionViewParts
  readonly #view: Request
  #state: 'untouched' | 'started' | 'failed' = 'untouched'
  #failure: unknown
  #isLookedAt = false
  #broughtData = false

  /** Defines `session`, `sessionID` and `sessionStore` on the request. */
  constructor(parts: SessionViewParts) {
    this.#parts = parts
    this.#view = Object.create(parts.req, {
      secure: { value: parts.secure },
      ...Object.fromEntries(members.map((name) => [name, ownValue(undefined)])),
    })
    for (const name of members) {
      const read = (receiver: unknown): unknown => this.#readFor(receiver, name)
      const write = (value: unknown): void => this.#write(name, value)
      Object.defineProperty(parts.req, name, {
        configurable: true,
        enumerable: true,
        get() {
          return read(this)
        },
        set: write,
      })
    }
  }

  /** True once anything looked at the session or it was loaded. */
  get isStarted(): boolean {
    return this.#state !== 'untouched'
  }

  /** True when the app looked at the session and there was data in it, or is now. */
  get isShown(): boolean {
    return this.#isLookedAt && (this.#broughtData || hasData(this.#view.session))
  }

  /** `req.session`. @throws what reading the store threw. */
  get session(): Request['session'] | undefined {
    return this.#read('session') as Request['session'] | undefined // what express-session put there
  }

  /** Starts express-session; resolves when the session is read, or could not be. Never rejects. */
  load(): Promise<void> {
    return new Promise((resolve) => this.#start(resolve))
  }

  #start(whenRead: () => void): void {
    const { handler, res, onLateError } = this.#parts
    this.#state = 'started'
    let isRead = false
    void handler(this.#view, res, (error?: unknown) => {
      // express-session calls a second time when it could not save.
      if (isRead) return onLateError()
      isRead = true
      if (error !== undefined) {
        this.#state = 'failed'
        this.#failure = error
      }
      this.#broughtData = hasData(this.#view.session)
      whenRead()
    })
  }

  #readFor(receiver: unknown, name: Member): unknown {
    // express-session itself looks, after it deleted what it had there.
    if (receiver === this.#view) return undefined
    this.#isLookedAt = true
    return this.#read(name)
  }

  #read(name: Member): unknown {
    if (this.#state === 'failed') throw this.#failure
    // Without a cookie nothing has to be read, and express-session is done at once.
    if (this.#state === 'untouched') this.#start(() => {})
    return Object.hasOwn(this.#view, name) ? this.#view[name] : undefined
  }

  #write(name: Member, value: unknown): void {
    this.#isLookedAt = true
    if (this.#state === 'untouched') this.#state = 'started'
    Object.defineProperty(this.#view, name, ownValue(value))
  }
}

/** True when more is in there than express-session's own `cookie`. */
function hasData(session: object | null | undefined): boolean {
  return Object.keys(session ?? {}).some((key) => key !== 'cookie')
}

function ownValue(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: true }
}
