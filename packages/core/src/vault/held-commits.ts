import { type Clock, Deadline } from '../clock.ts'
import { storeIsAway, storeUnavailable } from '../store/guarded-store.ts'
import type { GrantRef, GrantStore, VersionedRecord } from '../store/store.ts'
import { grantName } from './grant.ts'

const retryEveryMs = 1_000
const giveUpAfterMs = 60_000

/** A token set that the authorization server has issued and the store has not confirmed yet. Sealed. */
export interface HeldCommit {
  readonly ref: GrantRef
  readonly expectedVersion: string
  readonly record: VersionedRecord
}

/** How a held commit ended; `lost`: given up after 60 seconds. */
export type HeldCommitEnd = 'committed' | 'moved' | 'gone' | 'lost'

interface Waiting extends HeldCommit {
  readonly giveUp: Deadline
  /** Resolves when it is answered or given up. */
  readonly done: Promise<void>
  readonly ended: (end: HeldCommitEnd) => void
  cancelRetry: () => void
}

/** Keeps rotated token sets while the store is away, and saves them as soon as it is back. */
export class HeldCommits {
  readonly #grants: GrantStore
  readonly #clock: Clock
  readonly #waiting = new Map<string, Waiting>()

  constructor(grants: GrantStore, clock: Clock) {
    this.#grants = grants
    this.#clock = clock
  }

  /** Tries the commit again every second until it is answered. `ended` is called once. */
  hold(commit: HeldCommit, ended: (end: HeldCommitEnd) => void): void {
    const giveUp = new Deadline(this.#clock, giveUpAfterMs)
    let resolve = (): void => {}
    const done = new Promise<void>((isDone) => {
      resolve = isDone
    })
    const end = (how: HeldCommitEnd): void => {
      ended(how)
      resolve()
    }
    const waiting: Waiting = { ...commit, giveUp, done, ended: end, cancelRetry: () => {} }
    this.#waiting.set(grantName(commit.ref), waiting)
    this.#retryLater(waiting)
  }

  /** The held record of a grant. */
  get(ref: GrantRef): HeldCommit | undefined {
    return this.#waiting.size === 0 ? undefined : this.#waiting.get(grantName(ref))
  }

  /** Tries this grant's held commit now. @throws {LatchkeyError} `store_unavailable`: the store is still away. */
  async settle(ref: GrantRef): Promise<void> {
    const waiting = this.#waiting.get(grantName(ref))
    if (waiting === undefined) return
    await this.#try(waiting, { lastTime: false })
    if (this.#isWaiting(waiting)) throw storeUnavailable()
  }

  /** Tries everything at once, and goes on until each is answered or given up: for a graceful shutdown. */
  async flush(): Promise<void> {
    const waiting = [...this.#waiting.values()]
    await Promise.all(waiting.map((one) => this.#try(one, { lastTime: one.giveUp.isOver })))
    await Promise.all(waiting.map(({ done }) => done))
  }

  #retryLater(waiting: Waiting): void {
    const jitteredMs = retryEveryMs * (0.8 + Math.random() * 0.4)
    waiting.cancelRetry = this.#clock.after(jitteredMs, () => {
      void this.#try(waiting, { lastTime: waiting.giveUp.isOver })
    })
  }

  async #try(waiting: Waiting, { lastTime }: { readonly lastTime: boolean }): Promise<void> {
    waiting.cancelRetry()
    const end = await this.#grants
      .commit(waiting.ref, waiting.expectedVersion, waiting.record)
      .catch(storeIsAway)
    if (!this.#isWaiting(waiting)) return
    if (end === undefined && !lastTime) return this.#retryLater(waiting)
    this.#waiting.delete(grantName(waiting.ref))
    waiting.giveUp.cancel()
    waiting.ended(end ?? 'lost')
  }

  #isWaiting(waiting: Waiting): boolean {
    return this.#waiting.get(grantName(waiting.ref)) === waiting
  }
}
