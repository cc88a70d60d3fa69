import { describeFirstProgram } from './first-program.fixture.ts'

describeFirstProgram('quick-start')
