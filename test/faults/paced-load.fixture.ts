import type { Apps } from '../integration/apps.ts'
import { type Ask, type Asker, asksOfNobody, asksOfSession, type Outcome } from './asks.fixture.ts'
import type { Person } from './refresh-rig.fixture.ts'

interface Sample {
  readonly ask: Ask
  /** When it was sent, on the process's own clock. */
  readonly at: number
  readonly ms: number
  readonly outcome: Outcome
}

/** What a load saw between two moments. */
export interface LoadFigures {
  readonly sent: number
  readonly perSecond: number
  /** How often each thing came of requests of who is signed in, and of all others. */
  readonly signedIn: Readonly<Record<string, number>>
  readonly others: Readonly<Record<string, number>>
  readonly durationsMs: readonly number[]
}

const everyMs = 10
/** So many requests under way are enough to see that something hangs. */
const mostOpen = 5_000

/** Sends so many requests a second whether or not the earlier ones are answered, to all processes in turn. */
export class PacedLoad {
  readonly #apps: Apps
  readonly #asker: Asker
  readonly #people: readonly Person[]
  readonly #perSecond: number
  readonly #samples: Sample[] = []
  readonly #open = new Set<Promise<void>>()
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  #count = 0
  #missed = 0

  /** Starts at once. Eight of ten requests are of people who are signed in. */
  constructor(
    apps: Apps,
    asker: Asker,
    load: { readonly people: readonly Person[]; readonly perSecond: number },
  ) {
    this.#apps = apps
    this.#asker = asker
    this.#people = load.people
    this.#perSecond = load.perSecond
    this.#timer = setInterval(() => this.#sendDue(), everyMs)
  }

  /** Requests that were due and not sent, because too many were under way. */
  get missed(): number {
    return this.#missed
  }

  /** Sends no more; resolves when all are answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
  }

  /** What came of the requests that were sent between these moments of the process's own clock. */
  figures(from = this.#startedAt, to = performance.now()): LoadFigures {
    const samples = this.#samples.filter(({ at }) => from <= at && at < to)
    const isSignedIn = ({ ask }: Sample): boolean => asksOfSession.some((one) => one === ask)
    return {
      sent: samples.length,
      perSecond: Math.round((samples.length * 1_000) / (to - from)),
      signedIn: countsOf(samples.filter(isSignedIn)),
      others: countsOf(samples.filter((sample) => !isSignedIn(sample))),
      durationsMs: samples.map(({ ms }) => ms),
    }
  }

  /**
   * From when on, after this moment, everything is served: the end of the last answer that was not, in milliseconds
   * after it; 0 where there was none.
   */
  recoveryMs(from: number): number {
    const failed = this.#samples.filter(({ at, outcome }) => at >= from && outcome !== 'served')
    return failed.reduce((latest, { at, ms }) => Math.max(latest, at + ms - from), 0)
  }

  #sendDue(): void {
    const due = Math.floor(((performance.now() - this.#startedAt) * this.#perSecond) / 1_000)
    for (; this.#count < due; this.#count += 1) {
      if (this.#open.size >= mostOpen) this.#missed += 1
      else this.#send(this.#count)
    }
  }

  #send(number: number): void {
    const ask = askOf(number)
    const person = this.#people[number % this.#people.length]
    const app = this.#apps.at(number % this.#apps.members.length)
    if (person === undefined) throw new Error('A load needs people.')
    const at = performance.now()
    const sent = this.#asker.ask(app, ask, person).then(({ outcome, ms }) => {
      this.#samples.push({ ask, at, ms, outcome })
      this.#open.delete(sent)
    })
    this.#open.add(sent)
  }
}

/** Of ten requests six ask for a page, two for a call of a provider's API; the other sorts take turns. */
function askOf(number: number): Ask {
  const place = number % 10
  const other = asksOfNobody[Math.floor(number / 5) % asksOfNobody.length]
  if (place === 4 || place === 9) return other ?? 'visitor'
  return place === 2 || place === 7 ? 'call' : 'page'
}

function countsOf(samples: readonly Sample[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { outcome } of samples) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}
