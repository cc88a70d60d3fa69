import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Emulators } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runExample } from './example-program.fixture.ts'

/** A row that the old app has of a user. */
function rowOf({ spotify }: Emulators, name: string, userId: string) {
  const { accessToken, refreshToken, expiresAt } = spotify.tokens(name, { scope: ['user-top-read'] })
  const tokens = { accessToken, refreshToken, expiresAt: expiresAt * 1000, scope: 'user-top-read' }
  return { ...tokens, userId, spotifyId: `user-${name}`, sessionId: `session-of-${userId}` }
}

async function migrated(rowsOf: (emulators: Emulators) => readonly object[]) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-import-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'accounts.json')
  const program = await runExample('import-accounts', {
    environment: (emulators) => {
      writeFileSync(file, JSON.stringify(rowsOf(emulators)))
      return { OLD_ACCOUNTS: file }
    },
  })
  const { browser } = program
  const visitor = (userId: string) => {
    const agent = browser()
    agent.cookies.plant({ name: 'old-session', value: `session-of-${userId}`, host: '127.0.0.1' })
    return agent
  }
  return { ...program, visitor }
}

describe('the example import-accounts', () => {
  it('keeps the users of the old app signed in, with their tokens', async () => {
    const { visitor, baseUrl, advance, emulators, output } = await migrated((all) => [
      rowOf(all, 'ada', 'user-17'),
      rowOf(all, 'grace', 'user-18'),
    ])
    expect(output()).toContain('imported: 2')
    const ada = visitor('user-17')
    for (const seconds of [0, 3600]) {
      await advance(seconds)
      const page = await ada.get(baseUrl)
      expect(JSON.parse(page.text)).toMatchObject({ userId: 'user-17', tracks: { items: [{}] } })
    }
    expect(ada.cookies.get('old-session')).toBeUndefined()
    expect(emulators.spotify.as.mints).toMatchObject({ authorization_code: 0, refresh_token: 1 })
  })

  it('says which accounts could not be taken over, and signs their users in anew as who they were', async () => {
    const { visitor, baseUrl, output } = await migrated((all) => [
      rowOf(all, 'ada', 'user-17'),
      rowOf(all, 'ada', 'user-19'),
      { ...rowOf(all, 'linus', 'user-20'), accessToken: 'gone', refreshToken: 'gone-too' },
    ])
    expect(output()).toMatch(/imported: 1, dead: 1, 'of another user': 1/)
    const page = await visitor('user-20').signIn(baseUrl, { as: 'Linus' })
    expect(JSON.parse(page.text)).toMatchObject({ userId: 'user-20' })
  })
})
