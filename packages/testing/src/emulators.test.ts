import { request } from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { TestClock } from './clock.ts'
import { type EmulatorGroup, startEmulators } from './emulators.ts'
import { SecretMarks } from './secret-marks.ts'

const running: EmulatorGroup[] = []

afterEach(async () => {
  for (const one of running.splice(0)) await one.close()
})

const started: typeof startEmulators = async (options) => {
  const emulators = await startEmulators(options)
  running.push(emulators)
  return emulators
}

/** The status that a real host answers a bearer token with. */
async function statusOf(url: string, token: string, { dispatcher }: EmulatorGroup): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const { statusCode, body } = await request(url, { dispatcher, headers })
  await body.dump()
  return statusCode
}

describe('startEmulators', () => {
  it('answers for every real host', async () => {
    const emulators = await started()
    const spotify = emulators.spotify.tokens('ada').accessToken
    const exbo = emulators.exbo.tokens('ada').accessToken
    expect(await statusOf('https://api.spotify.com/v1/me', spotify, emulators)).toBe(200)
    expect(await statusOf('https://exbo.net/oauth/user', exbo, emulators)).toBe(200)
    expect(await statusOf('https://eapi.stalcraft.net/EU/characters', exbo, emulators)).toBe(200)
    expect(await statusOf('https://api.spotify.com/v1/me', exbo, emulators)).toBe(401)
    expect(await statusOf('https://accounts.spotify.com/authorize', '', emulators)).toBe(400)
    expect(emulators.spotify.api.requests.map(({ headers }) => headers.host)).toEqual([
      'api.spotify.com',
      'api.spotify.com',
    ])
  })

  it('starts only the emulators that are asked for, and refuses the hosts of the others', async () => {
    const emulators = await started({ only: ['exbo'] })
    expect(Object.keys(emulators.origins)).toEqual(['https://exbo.net', 'https://eapi.stalcraft.net'])
    expect(Object.keys(emulators.environment)).toEqual(['EXBO_CLIENT_ID', 'EXBO_CLIENT_SECRET'])
    expect('spotify' in emulators).toBe(false)
    const refused = statusOf('https://api.spotify.com/v1/me', 'x', emulators)
    await expect(refused).rejects.toThrow('No emulator answers for https://api.spotify.com,')
    // @ts-expect-error a name that is none
    await expect(startEmulators({ only: ['github'] })).rejects.toThrow(
      'There is no emulator "github"; there are spotify, exbo',
    )
  })

  it('shares one clock, one set of marks and the users', async () => {
    const clock = new TestClock({ frozen: true, startAt: 1_800_000_000 })
    const marks = new SecretMarks()
    const users = [{ id: 'user-mary', name: 'Mary' }]
    const emulators = await started({ clock, marks, users })
    expect(emulators.clock).toBe(clock)
    expect(emulators.marks).toBe(marks)
    for (const emulator of [emulators.spotify, emulators.exbo]) {
      const { accessToken, authorizedAt } = emulator.tokens('mary')
      expect(authorizedAt).toBe(1_800_000_000)
      expect(marks.findIn({ log: accessToken }).map(({ kind }) => kind)).toEqual(['access_token'])
    }
    const { accessToken } = emulators.spotify.tokens('mary')
    await clock.advance(3600)
    expect(await statusOf('https://api.spotify.com/v1/me', accessToken, emulators)).toBe(401)
  })

  it('accepts any client, or the given one alone', async () => {
    const only = { clientId: 'mine', clientSecret: 'my-own-secret', redirectUris: ['https://app.example/cb'] }
    const emulators = await started({ clients: { spotify: only } })
    expect(emulators.environment).toMatchObject({ SPOTIFY_CLIENT_ID: 'mine' })
    const browser = emulators.browser()
    const pageOf = async (url: string, client_id: string, redirect_uri: string) => {
      const params = new URLSearchParams({ response_type: 'code', client_id, redirect_uri })
      return (await browser.get(`${url}?${params}`)).status
    }
    const spotify = 'https://accounts.spotify.com/authorize'
    expect(await pageOf(spotify, 'mine', 'https://app.example/cb')).toBe(200)
    expect(await pageOf(spotify, 'mine', 'https://app.example/other')).toBe(400)
    expect(await pageOf(spotify, 'other', 'https://app.example/cb')).toBe(400)
    expect(await pageOf('https://exbo.net/oauth/authorize', 'any', 'https://app.example/any')).toBe(200)
  })

  it('is the tenant of Auth0 that the application names, and its API', async () => {
    const auth0 = { domain: 'people.example.com', audience: 'https://seats.example.com/v1' }
    const emulators = await started({ only: ['auth0'], auth0 })
    const { accessToken } = emulators.auth0.tokens('ada')
    expect(await statusOf('https://people.example.com/userinfo', accessToken, emulators)).toBe(200)
    expect(await statusOf('https://seats.example.com/v1/rows', accessToken, emulators)).toBe(200)
    expect(await statusOf('https://foreign.auth0.example/', '', emulators)).toBe(200)
  })

  it('leaves nothing open when a port is taken', async () => {
    const { apiOrigin } = (await started({ only: ['trackmania'] })).trackmania
    const firstPort = Number(new URL(apiOrigin).port) - 7
    const servers = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPServerWrap').length
    const before = servers()
    const together = startEmulators({ only: ['bitfount', 'trackmania'], firstPort })
    await expect(together).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect.poll(servers).toBe(before)
  })

  it('gives a browser that finds the emulators and the application', async () => {
    const emulators = await started()
    const browser = emulators.browser({ origins: { 'https://app.example': emulators.exbo.apiOrigin } })
    expect((await browser.get('https://accounts.spotify.com/nowhere')).status).toBe(404)
    expect((await browser.get('https://app.example/regions')).status).toBe(401)
    await expect(browser.get('https://github.example/')).rejects.toThrow('not mapped to a local server')
    await emulators.clock.advance(60)
    browser.cookies.receive('a=b; Max-Age=30', 'https://app.example/')
    await emulators.clock.advance(31)
    expect(browser.cookies.all).toEqual([])
  })

  it('stops everything at its end, calls on their way too', async () => {
    let leftOver: Promise<number> | undefined
    {
      await using emulators = await startEmulators()
      const { accessToken } = emulators.spotify.tokens('ada')
      const hold = emulators.spotify.api.faults.hold('me', { at: 'beforeCommit', calls: 1 })
      leftOver = statusOf('https://api.spotify.com/v1/me', accessToken, emulators)
      leftOver.catch(() => {})
      await hold.arrived
    }
    await expect(leftOver).rejects.toMatchObject({ code: 'UND_ERR_DESTROYED' })
  })
})
