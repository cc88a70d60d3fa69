import { TestClock } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { RecordingLog, startAt } from '../session/session.fixture.ts'
import { askAgain } from './ask-again.ts'
import { lasting, record, ref, signIn } from './check.ts'
import { guardedStore } from './guarded-store.ts'
import { memoryStore } from './memory-store.ts'
import type { Store } from './store.ts'

/** What becomes of the next command. */
type Fate = 'refused' | 'answer lost'

/** A store with a session and a grant of its, which loses answers on demand. */
async function fixture() {
  const clock = new TestClock({ frozen: true, startAt })
  const log = new RecordingLog()
  const inner = memoryStore({ clock })
  let fate: Fate | undefined
  const failing = <Args extends readonly unknown[], Answer>(command: (...args: Args) => Promise<Answer>) => {
    return async (...args: Args): Promise<Answer> => {
      const now = fate
      fate = undefined
      if (now === 'refused') throw new Error('refused')
      const answer = await command(...args)
      if (now === 'answer lost') throw new Error('answer lost')
      return answer
    }
  }
  const { sessions, subjects } = inner
  const store = guardedStore(
    {
      ...inner,
      sessions: {
        read: sessions.read.bind(sessions),
        peek: sessions.peek.bind(sessions),
        write: failing(sessions.write.bind(sessions)),
        delete: failing(sessions.delete.bind(sessions)),
      },
      subjects: Object.assign(Object.create(subjects), { leave: failing(subjects.leave.bind(subjects)) }),
    },
    clock,
    log,
  )
  await signIn(store)
  await inner.subjects.admit('ada', {
    ...{ grantId: ref.id, expectedVersion: undefined, record: record('g1'), ttlSeconds: lasting },
    member: { id: 'm', expiresAt: clock.now() + lasting },
  })
  const ask = (next: Fate | undefined, command: (store: Store) => Promise<unknown>): Promise<unknown> => {
    fate = next
    return askAgain(() => command(store))
  }
  return { log, ask }
}

const written = { expectedVersion: 's1', record: record('s2'), ttlSeconds: lasting, putGrants: [] }

const commands: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  'sessions.delete': ({ sessions }) => sessions.delete(ref.slot, 's1', [ref.id]),
  'sessions.write': ({ sessions }) => sessions.write(ref.slot, { ...written, deleteGrants: [ref.id] }),
  'subjects.leave': ({ subjects }) => subjects.leave('ada', 'm', ref.id),
}

describe.each(Object.entries(commands))('%s', (operation, command) => {
  it('says that tokens are not revoked when its answer was lost', async () => {
    const { log, ask } = await fixture()
    await ask('answer lost', command)
    const { fields, level } = log.lines.find((line) => line.fields.event === 'store.answer_lost') ?? {}
    expect([level, fields]).toEqual(['warn', { event: 'store.answer_lost', operation }])
  })

  it.each(['refused', undefined] as const)('says nothing when it was %s', async (fate) => {
    const { log, ask } = await fixture()
    await ask(fate, command)
    // And nothing of a second one, whose grants are gone rightly.
    await ask(undefined, command)
    expect(log.about('store.answer_lost')).toEqual([])
  })
})

it('says nothing where nothing would have been revoked', async () => {
  const { log, ask } = await fixture()
  await ask('answer lost', ({ sessions }) => sessions.delete(ref.slot, 's1', []))
  await ask('answer lost', ({ subjects }) => subjects.leave('ada', 'm'))
  expect(log.about('store.answer_lost')).toEqual([])
})
