import { AsyncLocalStorage } from 'node:async_hooks'
import type { Store } from '@latchkey/express'
import type { TestClock } from '@latchkey/testing'

/** Something that happens next if the schedule lets it. */
export interface Step {
  /** Whoever causes it. */
  readonly actor: string
  /** A command of the store, as `grants.commit`, or a request to a server, as `POST /oauth/token`. */
  readonly what: string
}

/** Says which of the steps that wait happens next; `undefined`: none of them, a little time passes instead. */
export type Pick = (steps: readonly Step[]) => Step | undefined

/** What somebody does in a run. */
export type Act = () => Promise<unknown>

/** So many turns of the event loop without news, and nothing more happens by itself: six were the most ever seen. */
const quietTurns = 40
const tickSeconds = 0.1
/** Longer than whatever waits for something. */
const longestSeconds = 120

/**
 * Runs several things at once, one step at a time: a store command or a request happens only when the schedule picks
 * it, and time passes only when the schedule says so. The same picks lead to the same run.
 */
export class Schedule {
  readonly #clock: TestClock
  readonly #actors = new AsyncLocalStorage<string>()
  readonly #waiting: (Step & { readonly go: () => void })[] = []
  #isOn = false
  #news = 0
  /** Commands that a store is carrying out: a real one takes its time. */
  #underWay = 0

  /** @param clock frozen: it moves with the schedule. */
  constructor(clock: TestClock) {
    this.#clock = clock
  }

  /** Whatever `run` causes, now or later, is a step of this actor's. */
  as<Result>(actor: string, run: () => Result): Result {
    this.#news += 1
    return this.#actors.run(actor, run)
  }

  /** Whose step it is now. */
  get actor(): string | undefined {
    return this.#actors.getStore()
  }

  /** Waits until the schedule picks this step. While none runs, every step happens at once. */
  async step(what: string, actor: string | undefined = this.actor): Promise<void> {
    this.#news += 1
    if (!this.#isOn) return
    await new Promise<void>((go) => {
      this.#waiting.push({ actor: actor ?? 'nobody', what, go })
    })
  }

  /** A store whose commands are steps. */
  watch(store: Store): Store {
    const watched = <Port extends object>(port: string, target: Port): Port =>
      new Proxy(target, {
        get: (inner, property) => {
          const command: unknown = Reflect.get(inner, property)
          if (typeof command !== 'function') return command
          return async (...args: readonly unknown[]): Promise<unknown> => {
            await this.step(`${port}.${String(property)}`)
            this.#underWay += 1
            try {
              return await Reflect.apply(command, inner, args)
            } finally {
              this.#underWay -= 1
              this.#news += 1
            }
          }
        },
      })
    const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users'] as const
    return { ...store, ...Object.fromEntries(ports.map((port) => [port, watched(port, store[port])])) }
  }

  /**
   * Runs all of them to their ends and returns the steps in their order. `pick` is asked whenever nothing more happens
   * by itself; the beginning of each is a step too, called `begins`. Without `pick` whoever came first goes first.
   */
  async run(acts: Readonly<Record<string, Act>>, pick: Pick = ([first]) => first): Promise<readonly Step[]> {
    const picked: Step[] = []
    this.#isOn = true
    let running = Object.keys(acts).length
    const ends = Object.entries(acts).map(([actor, act]) =>
      this.as(actor, async () => {
        await this.step('begins')
        await act().finally(() => {
          running -= 1
          this.#news += 1
        })
      }),
    )
    // Who fails is told of at the end, when the others are done.
    const outcome = Promise.all(ends)
    outcome.catch(() => {})
    const longestAt = this.#clock.now() + longestSeconds
    try {
      for (await this.settle(); running > 0; await this.settle()) {
        const next = this.#waiting.length === 0 ? undefined : pick(this.#waiting)
        if (next !== undefined) picked.push(this.#let(next))
        else if (this.#clock.now() < longestAt) await this.#clock.advance(tickSeconds)
        else throw new Error(`This never ends: ${described(picked)}`)
      }
    } finally {
      this.#isOn = false
      for (const step of [...this.#waiting]) this.#let(step)
    }
    await outcome
    return picked
  }

  /** Lets time pass while every step happens at once. */
  async pass(seconds: number): Promise<void> {
    const endsAt = this.#clock.now() + seconds
    for (await this.settle(); this.#clock.now() < endsAt; await this.settle())
      await this.#clock.advance(tickSeconds)
  }

  /** Resolves when everybody waits: for the schedule or for time. */
  async settle(): Promise<void> {
    let seen = this.#news
    for (let quiet = 0; quiet < quietTurns; quiet += 1) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (seen === this.#news && this.#underWay === 0) continue
      seen = this.#news
      quiet = 0
    }
  }

  #let({ actor, what }: Step): Step {
    const index = this.#waiting.findIndex((one) => one.actor === actor && one.what === what)
    const [found] = this.#waiting.splice(index, 1)
    if (index === -1 || found === undefined) throw new Error('Only a step that waits can be picked.')
    this.#news += 1
    found.go()
    return { actor, what }
  }
}

/** The steps as one line, those of one actor in a row together. */
export function described(steps: readonly Step[]): string {
  const parts: string[] = []
  let last: string | undefined
  for (const { actor, what } of steps) {
    parts.push(actor === last ? what : `[${actor}] ${what}`)
    last = actor
  }
  return parts.join(', ')
}
