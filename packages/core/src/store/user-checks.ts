import assert from 'node:assert/strict'
import { assertRecord, check, everyByte, lasting, record, type StoreCheck } from './check.ts'

/** What every store of users' kept accounts must do. */
export const userChecks: readonly StoreCheck[] = [
  check('users: an unknown one reads as absent, and a written record byte for byte', async ({ store }) => {
    assert.equal(await store.users.read('user', lasting), undefined)
    const written = { version: 'u1', sealed: everyByte }
    assert.equal(await store.users.write('user', undefined, written, lasting), 'written')
    assertRecord(await store.users.read('user', lasting), written)
    assert.equal(await store.users.read('other', lasting), undefined)
  }),
  check('users: a write replaces exactly the expected version', async ({ store }) => {
    assert.equal(await store.users.write('user', 'u0', record('u1'), lasting), 'moved')
    assert.equal(await store.users.read('user', lasting), undefined)
    await store.users.write('user', undefined, record('u1'), lasting)
    for (const expectedVersion of [undefined, 'u0']) {
      assert.equal(await store.users.write('user', expectedVersion, record('u2'), lasting), 'moved')
    }
    assertRecord(await store.users.read('user', lasting), record('u1'))
    assert.equal(await store.users.write('user', 'u1', record('u2'), lasting), 'written')
    assertRecord(await store.users.read('user', lasting), record('u2'))
  }),
  check('users: a repeated write answers written until another version stands there', async ({ store }) => {
    for (let turn = 0; turn < 2; turn += 1) {
      assert.equal(await store.users.write('user', undefined, record('u1'), lasting), 'written')
    }
    await store.users.write('user', 'u1', record('u2'), lasting)
    assert.equal(await store.users.write('user', undefined, record('u1'), lasting), 'moved')
    assertRecord(await store.users.read('user', lasting), record('u2'))
  }),
  check('users: of many writes at once exactly one is written', async ({ store }) => {
    const records = Array.from({ length: 20 }, (_, index) => record(`u${index}`))
    const outcomes = await Promise.all(
      records.map((one) => store.users.write('user', undefined, one, lasting)),
    )
    assert.equal(outcomes.filter((outcome) => outcome === 'written').length, 1)
    const winner = records[outcomes.indexOf('written')]
    assert.equal((await store.users.read('user', lasting))?.version, winner?.version)
  }),
  check('users: reading renews the time to live, not reading lets it run out', async ({ store, advance }) => {
    await store.users.write('user', undefined, record('u1'), 3)
    for (let turn = 0; turn < 3; turn += 1) {
      await advance(2)
      assertRecord(await store.users.read('user', 3), record('u1'))
    }
    await advance(4)
    assert.equal(await store.users.read('user', 3), undefined)
    assert.equal(await store.users.write('user', undefined, record('u2'), 3), 'written')
  }),
  check('users: the index of the same name is another thing', async ({ store }) => {
    await store.users.write('user', undefined, record('u1'), lasting)
    await store.subjects.join('user', { id: 'one', expiresAt: 4_000_000_000 })
    await store.subjects.end('user', lasting)
    await store.subjects.leave('user', 'one', 'grant')
    assertRecord(await store.users.read('user', lasting), record('u1'))
    assert.equal(await store.subjects.count('user'), 0)
  }),
]
