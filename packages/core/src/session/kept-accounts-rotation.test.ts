import { TestClock } from '@latchkey/testing'
import { describe, expect, it } from 'vitest'
import { Sealer } from '../crypto/seal.ts'
import { KeptAccounts } from './kept-accounts.ts'
import { RecordingLog, secrets, startAt, WatchedStore } from './session.fixture.ts'

const [older, newer] = secrets
const account = { provider: 'example', id: 'ada', subject: 'subject of ada' }

/** One store, and processes that have these secrets. */
function fixture() {
  const log = new RecordingLog()
  const watched = new WatchedStore(new TestClock({ frozen: true, startAt }), log)
  const withSecrets = (...own: [string, ...string[]]) =>
    new KeptAccounts({
      store: watched.store.users,
      sealer: new Sealer(own),
      log,
      absoluteSeconds: 30 * 86_400,
    })
  return { watched, withSecrets }
}

describe("a user's list of kept accounts, while the secret is rotated", () => {
  it('is sealed under the new secret by whoever looks at it, once', async () => {
    const { watched, withSecrets } = fixture()
    await withSecrets(older).add('user-1', account)
    expect(await withSecrets(newer, older).list('user-1')).toEqual([account])
    expect(await withSecrets(newer).list('user-1')).toEqual([account])
    const writes = () => watched.names.filter((name) => name === 'users.write').length
    const before = writes()
    await withSecrets(newer, older).list('user-1')
    expect(writes()).toBe(before)
  })

  it('is there when it could not be sealed anew, and is sealed the next time', async () => {
    const { watched, withSecrets } = fixture()
    await withSecrets(older).add('user-1', account)
    watched.before = ({ name }) => {
      if (name === 'users.write') throw new Error('the store takes no writes')
    }
    expect(await withSecrets(newer, older).list('user-1')).toEqual([account])
    await expect(withSecrets(newer).list('user-1')).rejects.toMatchObject({ code: 'store_unavailable' })
    watched.before = () => {}
    await withSecrets(newer, older).list('user-1')
    expect(await withSecrets(newer).list('user-1')).toEqual([account])
  })
})
