import { LruMap } from '../store/lru-map.ts'

/** How many paths one process remembers; the least used makes room. */
const capacity = 1_000
const longestPath = 256
/** So many requests in a row that use nothing end a habit of the longest standing. */
const strongest = 64

interface Habit {
  provider: string
  /** Above zero: the next request is expected to do as those before. */
  strength: number
}

/**
 * Which provider's tokens the requests to a path use. A path whose requests use tokens half of the time or more keeps
 * its habit; another one soon loses it.
 */
export class GrantHabits {
  readonly #habits = new LruMap<Habit>(capacity)

  /** The provider whose tokens a request to `url` is likely to use. */
  expected(url: string): string | undefined {
    const habit = this.#habits.get(pathOf(url))
    if (habit === undefined || habit.strength === 0) return undefined
    habit.strength -= 1
    return habit.provider
  }

  /** A request to `url` used tokens of this provider. */
  note(url: string, provider: string): void {
    const path = pathOf(url)
    if (path.length > longestPath) return
    const habit = this.#habits.get(path)
    if (habit === undefined) this.#habits.set(path, { provider, strength: 2 })
    else {
      habit.provider = provider
      habit.strength = Math.min(habit.strength + 2, strongest)
    }
  }
}

/** Where a path holds ids of things, each thing has habits of its own: then a request costs two round trips, not one. */
function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
