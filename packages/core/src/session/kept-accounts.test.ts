import { TestClock } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { Sealer } from '../crypto/seal.ts'
import type { Store } from '../store/store.ts'
import { type KeptAccount, KeptAccounts } from './kept-accounts.ts'
import { absoluteSeconds, RecordingLog, secrets, startAt, WatchedStore } from './session.fixture.ts'
import { userKey } from './session-index.ts'

const day = 86_400
const gone = new Error('The connection to the store was lost.')
const account = (id: string): KeptAccount => ({ provider: 'example', id, subject: `subject of ${id}` })

class KeptFixture {
  readonly clock: TestClock = new TestClock({ frozen: true, startAt })
  readonly log: RecordingLog = new RecordingLog()
  readonly watched: WatchedStore = new WatchedStore(this.clock, this.log)
  readonly store: Store = this.watched.store
  readonly kept: KeptAccounts = this.another(secrets)

  /** A second process with the same store. */
  another(sealWith: readonly [string, ...string[]]): KeptAccounts {
    const sealer = new Sealer(sealWith)
    return new KeptAccounts({ store: this.store.users, sealer, log: this.log, absoluteSeconds })
  }

  async ids(userId = 'ada'): Promise<readonly string[]> {
    return (await this.kept.list(userId)).map(({ id }) => id)
  }

  /** What stands in the store, changed by `change`. */
  async tamper(change: (sealed: Buffer) => Uint8Array): Promise<void> {
    const standing = await this.store.users.read(userKey('ada'), day)
    const record = { version: `${standing?.version}`, sealed: change(Buffer.from(standing?.sealed ?? [])) }
    await this.store.users.write(userKey('ada'), record.version, { ...record, version: 'new' }, day)
  }
}

describe('KeptAccounts', () => {
  it('lists what was added, oldest first and once, for each user apart', async () => {
    const fixture = new KeptFixture()
    expect(await fixture.ids()).toEqual([])
    for (const id of ['first', 'second', 'first']) await fixture.kept.add('ada', account(id))
    await fixture.kept.add('grace', account('third'))
    expect(await fixture.kept.list('ada')).toEqual([account('first'), account('second')])
    expect(await fixture.ids('grace')).toEqual(['third'])
    await fixture.kept.remove('ada', account('first').subject)
    await fixture.kept.remove('grace', account('first').subject)
    expect([await fixture.ids(), await fixture.ids('grace')]).toEqual([['second'], ['third']])
  })

  it('writes nothing where nothing changes, and no field that a caller has besides', async () => {
    const fixture = new KeptFixture()
    await fixture.kept.add('ada', { ...account('first'), grantId: 'grant' } as KeptAccount)
    fixture.watched.commands.length = 0
    await fixture.kept.add('ada', account('first'))
    await fixture.kept.remove('ada', account('second').subject)
    expect(fixture.watched.names).toEqual(['users.read', 'users.read'])
    expect(await fixture.kept.list('ada')).toEqual([account('first')])
  })

  it('names nobody in the store, neither in keys nor in values', async () => {
    const fixture = new KeptFixture()
    await fixture.kept.add('ada lovelace', account('countess'))
    const seen = fixture.watched.commands.flatMap(({ args }) => args).map((arg) => stringOf(arg))
    expect(seen.filter((text) => /ada|lovelace|countess|example/.test(text))).toEqual([])
    expect(seen).toContain(userKey('ada lovelace'))
  })

  it('keeps both of two accounts that are added at once, and of an add and a remove', async () => {
    const fixture = new KeptFixture()
    await fixture.kept.add('ada', account('old'))
    const others = Array.from({ length: 6 }, (_, index) => fixture.kept.add('ada', account(`new ${index}`)))
    await Promise.all([...others, fixture.kept.remove('ada', account('old').subject)])
    expect([...(await fixture.ids())].sort()).toEqual(others.map((_, index) => `new ${index}`))
  })

  it('gives up when the record never stands still, and loses nothing', async () => {
    const fixture = new KeptFixture()
    await fixture.kept.add('ada', account('first'))
    const faster = fixture.another(secrets)
    const added: string[] = []
    fixture.watched.before = async ({ name }) => {
      if (name !== 'users.write' || added.at(-1) === 'under way') return
      added.push('under way')
      await faster.add('ada', account(`faster ${added.length}`))
      added[added.length - 1] = `faster ${added.length}`
    }
    const adding = fixture.kept.add('ada', account('second'))
    await expect(adding).rejects.toMatchObject({ code: 'store_unavailable', reason: 'contended' })
    expect([added.length, await fixture.ids()]).toEqual([8, ['first', ...added]])
  })

  it('settles a lost answer by writing the same record again', async () => {
    const fixture = new KeptFixture()
    fixture.watched.after = ({ name }) => {
      if (name !== 'users.write') return
      fixture.watched.after = () => undefined
      throw gone
    }
    await fixture.kept.add('ada', account('first'))
    const [first, second] = fixture.watched.commands.filter(({ name }) => name === 'users.write')
    expect(second?.args).toEqual(first?.args)
    expect(await fixture.ids()).toEqual(['first'])
  })

  it('says that nothing is known while the store is away', async () => {
    const fixture = new KeptFixture()
    fixture.watched.before = () => {
      throw gone
    }
    const unavailable = { code: 'store_unavailable' }
    await expect(fixture.kept.list('ada')).rejects.toMatchObject(unavailable)
    await expect(fixture.kept.add('ada', account('first'))).rejects.toMatchObject(unavailable)
    await expect(fixture.kept.remove('ada', 'subject')).rejects.toMatchObject(unavailable)
  })

  it('outlives every use of its accounts: 180 days after the last session that began by a look has ended', async () => {
    const fixture = new KeptFixture()
    await fixture.kept.add('ada', account('first'))
    await fixture.clock.advance(absoluteSeconds + 180 * day - 1)
    expect(await fixture.ids()).toEqual(['first'])
    await fixture.clock.advance(absoluteSeconds + 180 * day - 1)
    await fixture.kept.add('ada', account('second'))
    await fixture.clock.advance(absoluteSeconds + 180 * day - 1)
    expect(await fixture.ids()).toEqual(['first', 'second'])
    await fixture.clock.advance(absoluteSeconds + 180 * day)
    expect(await fixture.ids()).toEqual([])
  })

  it('case 46: answers store_unavailable, and changes nothing, where the secret of the record is missing', async () => {
    const fixture = new KeptFixture()
    await fixture.kept.add('ada', account('first'))
    const lacking = fixture.another(['another secret that seals nothing yet'])
    const unavailable = { code: 'store_unavailable', reason: 'unknown_key' }
    await expect(lacking.list('ada')).rejects.toMatchObject(unavailable)
    await expect(lacking.add('ada', account('second'))).rejects.toMatchObject(unavailable)
    expect(await fixture.ids()).toEqual(['first'])
  })

  it('case 45: takes a record that was flipped, cut or swapped for an empty list, and begins anew with the next', async () => {
    const tampering: ((sealed: Buffer) => Uint8Array)[] = [
      (sealed) => sealed.fill((sealed[40] ?? 0) ^ 1, 40, 41),
      (sealed) => sealed.subarray(0, -1),
    ]
    for (const change of tampering) {
      const fixture = new KeptFixture()
      await fixture.kept.add('ada', account('first'))
      await fixture.tamper(change)
      expect(await fixture.ids()).toEqual([])
      expect(fixture.log.about('vault.corrupt')).toEqual([{ event: 'vault.corrupt', fault: 'corrupt' }])
      await fixture.kept.add('ada', account('second'))
      expect(await fixture.ids()).toEqual(['second'])
    }
  })
})

function stringOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.values(value).map(stringOf).join('\n')
}
