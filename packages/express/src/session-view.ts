import { promisify } from 'node:util'
import { LazySession } from '@latchkey/core/adapter'
import type { Request, RequestHandler, Response } from 'express'

/** What express-session puts on a request. */
const members = ['session', 'sessionID', 'sessionStore'] as const
type Member = (typeof members)[number]
type Session = Request['session']

/** What {@link SessionView} works with, for all requests. */
export interface SessionViewParts {
  /** express-session's middleware. */
  readonly handler: RequestHandler
  /** Whether cookies are `Secure`: by `baseUrl`, since a proxy may have ended TLS. */
  readonly secure: boolean
  /** Told about what goes wrong once the answer is on its way. */
  readonly onLateError: () => void
}

/** Runs express-session on a view of a request, which leaves what the app sees as `req.secure` alone. */
export class SessionView extends LazySession<Session> {
  readonly #parts: SessionViewParts
  readonly #req: Request
  readonly #res: Response
  #made: Request | undefined

  constructor(parts: SessionViewParts, req: Request, res: Response) {
    super(parts.onLateError)
    this.#parts = parts
    this.#req = req
    this.#res = res
  }

  get id(): string | undefined {
    return this.#made?.sessionID
  }

  /** What `receiver`, the request or what inherits from it, shows as this member. */
  readFor(receiver: unknown, name: Member): unknown {
    // express-session itself looks, after it deleted what it had there.
    if (receiver === this.#made) return undefined
    this.look()
    return this.#own(name)
  }

  /** What the app assigns to this member. */
  write(name: Member, value: unknown): void {
    this.override()
    Object.defineProperty(this.#view, name, ownValue(value))
  }

  async regenerate(keys: readonly string[]): Promise<void> {
    const before = this.#session
    const kept = keys.map((key) => [key, Reflect.get(before, key)] as const)
    await promisify(before.regenerate.bind(before))()
    for (const [key, value] of kept) Reflect.set(this.#session, key, value)
  }

  async destroy(): Promise<void> {
    await promisify(this.#session.destroy.bind(this.#session))()
  }

  protected get viewed(): Session | undefined {
    return this.#own('session') as Session | undefined // what express-session put there
  }

  protected begin(done: (error?: unknown) => void): void {
    void this.#parts.handler(this.#view, this.#res, done)
  }

  get #session(): Session {
    return this.data() as Session // who changes it has seen that it is there
  }

  #own(name: Member): unknown {
    return this.#made !== undefined && Object.hasOwn(this.#made, name) ? this.#made[name] : undefined
  }

  // Only made when it is used: an object that others inherit from is slow to work with ever after.
  get #view(): Request {
    this.#made ??= Object.create(this.#req, {
      secure: { value: this.#parts.secure },
      ...Object.fromEntries(members.map((name) => [name, ownValue(undefined)])),
    }) as Request // which it inherits from
    return this.#made
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
