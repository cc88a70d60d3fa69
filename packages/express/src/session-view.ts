import { hasAppData } from '@latchkey/core/adapter'
import type { Request, RequestHandler, Response } from 'express'

/** What express-session puts on a request. */
const members = ['session', 'sessionID', 'sessionStore'] as const
type Member = (typeof members)[number]

/** What {@link SessionView} works with, for all requests. */
export interface SessionViewParts {
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
  readonly #req: Request
  readonly #res: Response
  #made: Request | undefined
  #state: 'untouched' | 'started' | 'failed' = 'untouched'
  #failure: unknown
  #isLookedAt = false
  #broughtData = false

  constructor(parts: SessionViewParts, req: Request, res: Response) {
    this.#parts = parts
    this.#req = req
    this.#res = res
  }

  /** True once anything looked at the session or it was loaded. */
  get isStarted(): boolean {
    return this.#state !== 'untouched'
  }

  /** True when the app looked at the session and there was data in it, or is now. */
  get isShown(): boolean {
    return this.#isLookedAt && (this.#broughtData || hasAppData(this.#view.session))
  }

  /** The id that the request came with or got; also where nothing could be read of it. */
  get id(): string | undefined {
    return this.#made?.sessionID
  }

  /** `req.session`. @throws what reading the store threw. */
  get session(): Request['session'] | undefined {
    return this.#read('session') as Request['session'] | undefined // what express-session put there
  }

  /** Starts express-session; resolves when the session is read, or could not be. Never rejects. */
  load(): Promise<void> {
    return new Promise((resolve) => this.#start(resolve))
  }

  /** What `receiver`, the request or what inherits from it, shows as this member. */
  readFor(receiver: unknown, name: Member): unknown {
    // express-session itself looks, after it deleted what it had there.
    if (receiver === this.#made) return undefined
    this.#isLookedAt = true
    return this.#read(name)
  }

  /** What the app assigns to this member. */
  write(name: Member, value: unknown): void {
    this.#isLookedAt = true
    if (this.#state === 'untouched') this.#state = 'started'
    Object.defineProperty(this.#view, name, ownValue(value))
  }

  // Only made when it is used: an object that others inherit from is slow to work with ever after.
  get #view(): Request {
    this.#made ??= Object.create(this.#req, {
      secure: { value: this.#parts.secure },
      ...Object.fromEntries(members.map((name) => [name, ownValue(undefined)])),
    }) as Request // which it inherits from
    return this.#made
  }

  #start(whenRead: () => void): void {
    const { handler, onLateError } = this.#parts
    this.#state = 'started'
    let isRead = false
    const next = (error?: unknown): void => {
      // express-session calls a second time when it could not save.
      if (isRead) {
        onLateError()
        return
      }
      isRead = true
      if (error !== undefined) {
        this.#state = 'failed'
        this.#failure = error
      }
      this.#broughtData = hasAppData(this.#view.session)
      whenRead()
    }
    try {
      void handler(this.#view, this.#res, next)
    } catch (error) {
      next(error)
    }
  }

  #read(name: Member): unknown {
    if (this.#state === 'failed') throw this.#failure
    // Without a cookie nothing has to be read, and express-session is done at once.
    if (this.#state === 'untouched') this.#start(() => {})
    return Object.hasOwn(this.#view, name) ? this.#view[name] : undefined
  }
}

/**
 * Makes what defines `session`, `sessionID` and `sessionStore` on a request, and there leads to its view. All requests
 * share the accessors: with some of their own, no two requests would be alike to V8, and all code that works with them
 * slow.
 *
 * @param viewOf the view of a request, or of the one that an object inherits from.
 */
export function sessionAccessors(viewOf: (req: Request) => SessionView | undefined): (req: Request) => void {
  const accessors = members.map((name): [Member, PropertyDescriptor & ThisType<Request>] => [
    name,
    {
      configurable: true,
      enumerable: true,
      get() {
        return viewOf(this)?.readFor(this, name)
      },
      set(value: unknown) {
        viewOf(this)?.write(name, value)
      },
    },
  ])
  return (req) => {
    for (const [name, accessor] of accessors) Object.defineProperty(req, name, accessor)
  }
}

function ownValue(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: true }
}
