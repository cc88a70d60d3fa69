import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmulators } from '@latchkey/testing'
import { expect, it, onTestFinished } from 'vitest'

const program = join(import.meta.dirname, '../../examples/terminal/top-tracks.ts')
const preload = new URL('./example-preload.fixture.ts', import.meta.url).href

it('signs in once, and finds the tokens the next time', async () => {
  const emulators = await startEmulators({ only: ['spotify'] })
  onTestFinished(() => emulators.close())
  const home = mkdtempSync(join(tmpdir(), 'latchkey-terminal-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    EMULATED_ORIGINS: JSON.stringify(emulators.origins),
    ...emulators.environment,
  }
  const run = () => {
    const said = { stdout: '', stderr: '' }
    const flags = ['--conditions=@latchkey/source', `--import=${preload}`]
    const child = execFile(process.execPath, [...flags, program], { env })
    child.stdout?.on('data', (text: string) => {
      said.stdout += text
    })
    child.stderr?.on('data', (text: string) => {
      said.stderr += text
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    return { said, ended }
  }
  const first = run()
  await expect.poll(() => first.said.stderr).toMatch(/https:\/\/accounts\.spotify\.com\/authorize\S+/)
  const [url = ''] = /https:\/\/accounts\.spotify\.com\/authorize\S+/.exec(first.said.stderr) ?? []
  await emulators.browser().signIn(url, { as: 'Ada' })
  expect([await first.ended, first.said.stdout.trim().split('\n').length]).toEqual([0, 5])
  const second = run()
  expect([await second.ended, second.said]).toEqual([0, { stdout: first.said.stdout, stderr: '' }])
  expect(emulators.spotify.as.mints.authorization_code).toBe(1)
  expect(emulators.marks.findIn([first.said.stdout, first.said.stderr, second.said.stdout])).toEqual([])
})
