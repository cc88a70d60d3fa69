/** Something that a person was told they have. */
export interface Holding {
  readonly device: string
  /** Whose it may be. */
  readonly userIds: readonly string[]
  /** Its session. Absent: an account that is kept without one. */
  readonly locator?: string
  /** Ada's account at `other` belongs to it. */
  readonly hasAccount: boolean
  /** Since before anything met. */
  readonly isOld?: true
}

/** A store command or a request to a server. */
export interface Step {
  readonly name: string
  /** The slot or the server that it is about. */
  readonly place: string
  readonly isWrite: boolean
}

/** For an operation the store goes away once it has written a session, before or after the answer to that. */
export type LosesStore = 'before the answer' | 'after the answer'

/** So long. */
const awaySeconds = 2

/** One operation that runs, and may be held before one of its steps. */
export class Run {
  readonly steps: Step[] = []
  /** When it last looked at each subject's index. */
  readonly looks: Map<string, number> = new Map()
  isHeld = false
  isDone = false
  gained: Holding | undefined
  /** What it was refused with, or failed with. */
  failure: unknown
  /** What somebody else does just before it writes a session for the first time. */
  disturbance: (() => Promise<unknown>) | undefined
  readonly #holdAt: number
  readonly #losesStore: LosesStore | undefined
  #storeBackAt: number | undefined
  #release: () => void = () => {}
  readonly #released: Promise<void> = new Promise((resolve) => {
    this.#release = resolve
  })

  /** @param holdAt the step before which it is held, with whatever else it does at that time. */
  constructor(holdAt = Number.POSITIVE_INFINITY, losesStore?: LosesStore) {
    this.#holdAt = holdAt
    this.#losesStore = losesStore
  }

  /** True once the store has gone away for it. */
  get hasLostStore(): boolean {
    return this.#storeBackAt !== undefined
  }

  isStoreAway(now: number): boolean {
    return this.#storeBackAt !== undefined && now < this.#storeBackAt
  }

  /** True where the answer is lost. */
  wroteSession(now: number): boolean {
    if (this.#losesStore === undefined || this.hasLostStore) return false
    this.#storeBackAt = now + awaySeconds
    return this.#losesStore === 'before the answer'
  }

  /** True when it makes no difference whether this run comes before or after that step. */
  commutesWith(step: Step): boolean {
    return this.steps.every(({ place, isWrite }) => place !== step.place || !(isWrite || step.isWrite))
  }

  async step(step: Step): Promise<void> {
    this.steps.push(step)
    if (this.steps.length <= this.#holdAt) return
    this.isHeld = true
    await this.#released
  }

  release(): void {
    this.#release()
  }
}
