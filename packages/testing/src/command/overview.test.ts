import { afterEach, describe, expect, it } from 'vitest'
import { type EmulatorGroup, type Emulators, startEmulators } from '../emulators.ts'
import { type Overview, overviewsOf } from './overview.ts'
import { overviewPage } from './overview-page.ts'
import { overviewText } from './overview-text.ts'

const running: EmulatorGroup[] = []
afterEach(async () => {
  for (const one of running.splice(0)) await one.close()
})

async function started(options: Parameters<typeof startEmulators>[0] = {}): Promise<readonly Overview[]> {
  const emulators: EmulatorGroup & Partial<Emulators> = await startEmulators(options)
  running.push(emulators)
  return overviewsOf(emulators)
}

describe('the overview of the emulators', () => {
  it('shows of each one where it is, its client, its preset, its people and its endpoints', async () => {
    const overviews = await started()
    expect(overviews.map(({ id }) => id)).toEqual([
      'spotify',
      'exbo',
      'nadeo',
      'trackmania',
      'auth0',
      'bitfount',
    ])
    for (const { id, origins, environment, preset, people, endpoints } of overviews) {
      expect(Object.keys(environment)[0]).toBe(`${id.toUpperCase()}_CLIENT_ID`)
      expect(people[0]).toMatch(/^Ada/)
      const here = Object.values(origins)
      for (const url of Object.values(endpoints)) expect(here).toContain(new URL(url).origin)
      expect(preset).toMatch(new RegExp(`^${id}\\(\\{\n`))
      expect(preset).not.toMatch(/https:\/\/(?!api\.example\.com\/)/)
    }
  })

  it('shows of those alone that run', async () => {
    expect((await started({ only: ['exbo'] })).map(({ id }) => id)).toEqual(['exbo'])
  })

  it('names no endpoint that a provider lacks', async () => {
    const [spotify] = await started({ only: ['spotify'] })
    expect(Object.keys(spotify?.endpoints ?? {})).toEqual(['authorization', 'token'])
  })

  it('is a page and a text with all of it', async () => {
    const overviews = await started({ only: ['auth0', 'bitfount'] })
    const [page, text] = [overviewPage(overviews), overviewText(overviews, 'http://127.0.0.1:1/')]
    for (const { brand, origins, environment, people } of overviews) {
      const shown = [brand.name, ...Object.entries(origins).flat(), ...Object.values(environment), ...people]
      for (const one of shown) {
        expect(page).toContain(one)
        expect(text).toContain(one)
      }
    }
    expect(text).toMatch(/\n {2}auth0\(\{\n {4}domain: 'example\.eu\.auth0\.com',\n/)
    expect(text).toMatch(/^ready http:\/\/127\.0\.0\.1:1\/$/m)
  })

  it('escapes what people are called', async () => {
    const [auth0] = await started({ only: ['auth0'], users: [{ id: 'x', name: '<b>Mary</b>' }] })
    const page = overviewPage(auth0 === undefined ? [] : [auth0])
    expect(page).toContain('&lt;b&gt;Mary')
    expect(page).not.toContain('<b>')
  })
})
