import { randomBytes } from 'node:crypto'
import { LatchkeyError } from '@latchkey/express'
import { describe, expect, it } from 'vitest'
import { type Applications, expectNoSecret, parallel, startApplications } from './applications.fixture.ts'
import { events, startHarness } from './harness.fixture.ts'
import { failure, fetchCall } from './signed-in.fixture.ts'

/** Where the application's token lies. */
function refOf({ probe }: Applications): { readonly slot: string; readonly id: string } {
  const [ref] = probe.commands.find(({ name }) => name === 'grants.create')?.args ?? []
  return ref as { readonly slot: string; readonly id: string } // the first argument of that command
}

const answerLost = (): never => {
  throw new Error('the answer of the store was lost')
}

describe('application tokens without the store', () => {
  it.each(['grants.read', 'grants.create', 'leases.take', 'grants.observe', 'leases.writeAttempt'])(
    'are store_unavailable when %s fails, nothing is asked for, and all is well again with the store',
    async (command) => {
      const applications = await startApplications()
      const { probe, app, api } = applications
      const access = app.auth.application('example')
      // A lease whose taking is not answered is looked for.
      probe.cut(command, ...(command === 'leases.take' ? ['leases.owner'] : []))
      const errors = await parallel(20, () => failure(applications.call(access, fetchCall)))
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'store_unavailable', status: 503, retryAfterSeconds: 5 })
        expectNoSecret(applications, error)
      }
      expect([applications.mints(), api.calls.resource]).toEqual([0, 0])
      probe.cut()
      // A lease that could not be given back runs out.
      await applications.clock.advance(16)
      expect(await applications.call(access, fetchCall)).toBe(200)
      expect(applications.mints()).toBe(1)
    },
  )

  it('serve the minted token although it cannot be saved, and save it when the store is back', async () => {
    const applications = await startApplications({ instances: 2 })
    const { probe, clock, instances } = applications
    const [first, second] = instances.map(({ auth }) => auth.application('example'))
    probe.answer('grants.commit', answerLost)
    // What the store did before its answer was lost is found again by the id of the commit.
    await first?.accessToken()
    probe.answer('grants.commit')
    await clock.advance(2)
    const values = [(await first?.accessToken())?.value, (await second?.accessToken())?.value]
    expect(new Set(values).size).toBe(1)
    expect(applications.mints()).toBe(1)
  })

  it('lose nothing that matters when they cannot be saved for a minute: another is minted', async () => {
    const applications = await startApplications()
    const { probe, clock, app } = applications
    const lost: unknown[] = []
    app.auth.events.on('save_lost', (event) => lost.push(event))
    const access = app.auth.application('example')
    await access.accessToken()
    await clock.advance(3_601)
    probe.cut('grants.commit')
    await access.accessToken()
    for (let second = 0; second < 63; second += 1) await clock.advance(1)
    await expect.poll(() => events(app, 'vault.save_lost').map(({ level }) => level)).toEqual(['warn'])
    probe.cut()
    await clock.advance(301)
    expect(await applications.call(access, fetchCall)).toBe(200)
    expect([applications.mints(), lost]).toEqual([3, []])
  })
})

describe('the stored record of an application token', () => {
  it('that another secret has sealed is kept, and is store_unavailable to whoever lacks the secret', async () => {
    const applications = await startApplications()
    const { app, probe, api } = applications
    const { value } = await app.auth.application('example').accessToken()
    const stranger = await startHarness({
      servers: applications,
      provider: { resourceOrigins: [api.origin] },
      options: { store: probe.store, secret: randomBytes(32).toString('base64url') },
    })
    const record = await probe.store.grants.read(refOf(applications))
    for (const error of await parallel(20, () => failure(stranger.auth.application('example').accessToken())))
      expect(error).toMatchObject({ code: 'store_unavailable', reason: 'unknown_key', status: 503 })
    expect(await probe.store.grants.read(refOf(applications))).toEqual(record)
    expect((await app.auth.application('example').accessToken()).value === value).toBe(true)
    expect(applications.mints()).toBe(1)
  })

  it.each([
    ['cut', (sealed: Uint8Array) => sealed.subarray(0, -1)],
    ['changed', (sealed: Uint8Array) => sealed.with(-1, (sealed.at(-1) ?? 0) ^ 1)],
  ])(
    'that was %s is replaced without anybody noticing: one mint for 500 callers of 4 instances',
    async (_name, tamper) => {
      const applications = await startApplications({ instances: 4 })
      const { instances, probe } = applications
      await parallel(4, async (index) => instances[index]?.auth.application('example').accessToken())
      const ref = refOf(applications)
      const standing = await probe.store.grants.read(ref)
      const tampered = { version: 'tampered-with', sealed: tamper(standing?.sealed ?? new Uint8Array(64)) }
      expect(await probe.store.grants.commit(ref, standing?.version ?? '', tampered)).toBe('committed')
      const statuses = await parallel(500, async (index) => {
        const instance = instances[index % 4] ?? applications.app
        return applications.call(instance.auth.application('example'), fetchCall)
      })
      expect(new Set(statuses)).toEqual(new Set([200]))
      expect([applications.mints(), applications.newTokens()]).toEqual([2, 1])
      const corrupt = instances.flatMap((instance) => events(instance, 'vault.corrupt'))
      expect(new Set(corrupt.map(({ level }) => level))).toEqual(new Set(['error']))
    },
  )

  it('and all that lies beside it has a time to live', async () => {
    const applications = await startApplications({ instances: 2 })
    const { as, clock, probe, instances } = applications
    const visit = (): Promise<unknown> =>
      parallel(20, async (index) =>
        instances[index % 2]?.auth.application('example').accessToken().catch(LatchkeyError.is),
      )
    await visit()
    await clock.advance(3_601)
    as.faults.next('token', 2, { status: 503, headers: { 'retry-after': '3600' } })
    await visit()
    await clock.advance(3_601)
    await visit()
    const lifetimes = probe.commands.flatMap(({ name, args }) => {
      if (name === 'grants.read') return [[name, args[1]]]
      return ['grants.create', 'leases.take', 'leases.writeAttempt'].includes(name) ? [[name, args[2]]] : []
    })
    expect(new Set(lifetimes.map(String))).toEqual(
      new Set([
        'grants.read,2592000',
        'grants.create,2592000',
        'leases.take,15',
        'leases.writeAttempt,300',
        'leases.writeAttempt,3660',
      ]),
    )
    const writes = new Set(probe.commands.map(({ name }) => name))
    expect([...writes].toSorted()).toEqual([
      'grants.commit',
      'grants.create',
      'grants.observe',
      'grants.read',
      'leases.release',
      'leases.take',
      'leases.writeAttempt',
    ])
  })
})

describe('close()', () => {
  it('lets a running mint end and be saved, and begins none after it', async () => {
    const applications = await startApplications({ instances: 2 })
    const { as, instances, clock } = applications
    const [closing, other] = instances
    const access = closing?.auth.application('example')
    const hold = as.faults.hold('token')
    const minting = access?.accessToken()
    await hold.arrived
    const closed = closing?.auth.close()
    hold.release()
    const { value } = (await minting) ?? {}
    await closed
    expect((await other?.auth.application('example').accessToken())?.value === value).toBe(true)
    await clock.advance(3_601)
    expect(await failure(access?.accessToken() ?? Promise.resolve())).toMatchObject({
      code: 'as_unavailable',
      reason: 'closing',
    })
    expect(applications.mints()).toBe(1)
  })
})
