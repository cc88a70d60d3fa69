import type { ReceivedRequest } from './received-request.ts'

/**
 * What goes wrong with one call. Fields combine; an empty object changes nothing.
 * "Commit" is the moment when the server does what was asked: spends a code, rotates a token, ends a grant.
 */
export interface Behaviour {
  /**
   * Whether the request is really processed. @default false when `status`, `redirect`, `noHeaders`, `hugeBytes`,
   * `gzipBombBytes` or a fixed `body` replaces the answer, otherwise true
   */
  readonly commit?: boolean
  /** Only calls for which this is true are affected or counted. */
  readonly when?: (request: ReceivedRequest) => boolean
  /** Waits before the commit. Prefer `hold` where a test can say when to go on. */
  readonly delayBeforeCommitMs?: number
  /** Waits between the commit and the answer. */
  readonly delayAfterCommitMs?: number
  /** Cuts the connection; nothing was processed. */
  readonly dropBeforeCommit?: boolean
  /** Cuts the connection after the commit: the client never learns what it was given. */
  readonly dropAfterCommit?: boolean
  /** Never sends even the status line; the connection stays open until the client or `close()` ends it. */
  readonly noHeaders?: boolean
  /** Replaces the status. With `commit: true` the real body is sent under it. */
  readonly status?: number
  /** Headers to set on the answer; `undefined` removes one. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Replaces the body: text or bytes as they are, any other value as JSON, a function rewrites the real one. */
  readonly body?: unknown
  /** Answers with this status and `Location`. */
  readonly redirect?: { readonly code: number; readonly url: string }
  /** Changes fields of a JSON answer: an object is laid over it (`undefined` removes), a function returns the new one. */
  readonly fields?: FieldsPatch
  /** Sends the body one byte at a time with this gap. */
  readonly trickleGapMs?: number
  /** Promises the whole body but cuts the connection after so many bytes of it. */
  readonly truncateAfterBytes?: number
  /** Sends so many bytes of JSON white space in chunks, as fast as the client reads. */
  readonly hugeBytes?: number
  /** Sends a gzip body of a few kilobytes per megabyte that expands to so many bytes. */
  readonly gzipBombBytes?: number
}

/** A change to the fields of a JSON answer. */
export type FieldsPatch =
  | Readonly<Record<string, unknown>>
  | ((answer: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>)

/** Where a held call stops. */
export type HoldPoint = 'beforeCommit' | 'afterCommit'

/** How `hold` holds. */
export interface HoldOptions {
  /** Stop before the request is processed, or after it was and before the answer. @default 'beforeCommit' */
  readonly at?: HoldPoint
  /** Hold only the first so many calls, let later ones pass. Absent: every call until `release`. */
  readonly calls?: number
}

interface Queued<B> {
  left: number
  readonly behaviour: B
}

/** Stops calls at one point until a test lets them go. */
export class Hold {
  /** Resolves when the first call has arrived at the point. */
  readonly arrived: Promise<void>
  #arrive: () => void = () => {}
  readonly #released: Promise<void>
  #release: () => void = () => {}
  #left: number
  #waiting = 0

  /** Made by `faults.hold`. */
  constructor(calls: number) {
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve
    })
    this.#released = new Promise((resolve) => {
      this.#release = resolve
    })
    this.#left = calls
  }

  /** How many calls are held right now. */
  get waiting(): number {
    return this.#waiting
  }

  /** Lets every held call go on, and later ones pass. */
  release(): void {
    this.#left = 0
    this.#release()
  }

  /** Waits here if this hold still takes calls. Called by the server. */
  async pass(): Promise<void> {
    if (this.#left <= 0) return
    this.#left--
    this.#waiting++
    this.#arrive()
    await this.#released
    this.#waiting--
  }
}

/**
 * The fault switches of one server, by endpoint name; `'any'` stands for every endpoint. They can be changed at any time.
 * A call takes the first `next` that is left for its endpoint, then for `'any'`, then `always` for its endpoint, then for `'any'`.
 */
export class Faults<Endpoint extends string, B extends Behaviour = Behaviour> {
  readonly #next = new Map<string, Queued<B>[]>()
  readonly #always = new Map<string, B>()
  readonly #holds = new Map<string, Hold[]>()

  /** Every call of `endpoint` behaves like this, until changed or cleared. */
  always(endpoint: Endpoint | 'any', behaviour: B): void {
    this.#always.set(endpoint, behaviour)
  }

  /** The next `calls` calls of `endpoint` behave like this. Several of them queue up. */
  next(endpoint: Endpoint | 'any', calls: number, behaviour: B): void {
    const queue = this.#next.get(endpoint) ?? []
    queue.push({ left: calls, behaviour })
    this.#next.set(endpoint, queue)
  }

  /** Stops calls of `endpoint` step by step, without a sleep in the test. */
  hold(endpoint: Endpoint | 'any', options: HoldOptions = {}): Hold {
    const hold = new Hold(options.calls ?? Infinity)
    const key = `${options.at ?? 'beforeCommit'} ${endpoint}`
    this.#holds.set(key, [...(this.#holds.get(key) ?? []), hold])
    return hold
  }

  /** Ends every fault of `endpoint`, or all of them, and lets held calls go. */
  clear(endpoint?: Endpoint | 'any'): void {
    for (const [key, holds] of this.#holds) {
      if (endpoint !== undefined && !key.endsWith(` ${endpoint}`)) continue
      for (const hold of holds) hold.release()
      this.#holds.delete(key)
    }
    for (const switches of [this.#next, this.#always]) {
      if (endpoint === undefined) switches.clear()
      else switches.delete(endpoint)
    }
  }

  /** The behaviour of this call; uses up a `next`. Called by the server. */
  take(endpoint: Endpoint, request: ReceivedRequest): B | undefined {
    const applies = (behaviour: B): boolean => behaviour.when?.(request) ?? true
    for (const name of [endpoint, 'any']) {
      const queued = this.#next.get(name)?.find((entry) => entry.left > 0 && applies(entry.behaviour))
      if (queued === undefined) continue
      queued.left--
      return queued.behaviour
    }
    return [this.#always.get(endpoint), this.#always.get('any')].find(
      (behaviour) => behaviour !== undefined && applies(behaviour),
    )
  }

  /** Waits while a hold stops this call. Called by the server. */
  async pass(endpoint: Endpoint, at: HoldPoint): Promise<void> {
    for (const name of [endpoint, 'any']) {
      for (const hold of this.#holds.get(`${at} ${name}`) ?? []) await hold.pass()
    }
  }
}
