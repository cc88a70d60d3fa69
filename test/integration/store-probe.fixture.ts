import type { VersionedRecord } from '@latchkey/core'
import { memoryStore, type Store } from '@latchkey/express'
import type { TestClock } from '@latchkey/testing'
import { aroundStore } from './around-store.ts'

/** One command that Latchkey gave to the store. */
export interface StoreCommand {
  /** Port and method: `sessions.read`. */
  readonly name: string
  readonly args: readonly unknown[]
}

/** Replaces the answer of a command. */
export type ChangeAnswer = (answer: unknown, ...args: readonly unknown[]) => unknown

/** A record as it was stored, and under which name. */
export interface StoredRecord {
  /** A session's locator, or a grant's `<locator>/<id>`. */
  readonly name: string
  readonly record: VersionedRecord
}

/** A memory store that can be watched and lied about. */
export interface StoreProbe {
  readonly store: Store
  /** Every command, in order. */
  readonly commands: readonly StoreCommand[]
  /** Names of the commands since the last look at them. */
  newCommands(): readonly string[]
  /** From now on the command answers what `change` makes of its answer; without it, the truth again. */
  answer(command: string, change?: ChangeAnswer): void
  /** From now on these commands fail before the store hears of them; without any, all get through again. */
  cut(...commands: readonly string[]): void
  /** Session records in the order in which they were written. */
  sessions(): readonly StoredRecord[]
  /** Grant records in the order in which they were written. */
  grants(): readonly StoredRecord[]
}

/** A fresh store on this clock. */
export function probedStore(clock: TestClock): StoreProbe {
  const commands: StoreCommand[] = []
  const changes = new Map<string, ChangeAnswer>()
  const cuts = new Set<string>()
  const store = aroundStore(memoryStore({ clock }), async (name, run, args) => {
    commands.push({ name, args })
    if (cuts.has(name)) throw new Error('the store cannot be reached')
    const answer = await run()
    const change = changes.get(name)
    return change === undefined ? answer : change(answer, ...args)
  })
  let seen = 0
  return {
    store,
    commands,
    newCommands: () => {
      const names = commands.slice(seen).map(({ name }) => name)
      seen = commands.length
      return names
    },
    answer: (command, change) => {
      if (change === undefined) changes.delete(command)
      else changes.set(command, change)
    },
    cut: (...names) => {
      cuts.clear()
      for (const name of names) cuts.add(name)
    },
    sessions: () => writes(commands).map(({ locator, write }) => ({ name: locator, record: write.record })),
    grants: () =>
      writes(commands).flatMap(({ locator, write }) =>
        write.putGrants.map(({ id, record }) => ({ name: `${locator}/${id}`, record })),
      ),
  }
}

type SessionWrite = Parameters<Store['sessions']['write']>[1]

function writes(
  commands: readonly StoreCommand[],
): readonly { readonly locator: string; readonly write: SessionWrite }[] {
  return commands.flatMap(({ name, args }) => {
    if (name !== 'sessions.write') return []
    const [locator, write] = args as [string, SessionWrite] // the arguments of that command
    return [{ locator, write }]
  })
}
