import type { Declare } from '../declaration.ts'
import type { DoctorOptions } from '../doctor.ts'
import { withConnection } from './options.ts'

export const declareDoctor: Declare = (program, run) => {
  withConnection(program.command('doctor'))
    .description('examine a gateway and its surroundings, and say how to mend what is found')
    .option('--json', 'print the findings as JSON, one document')
    .addHelpText('after', EXAMPLES)
    .action((options: DoctorOptions) =>
      run(async (terminal) => (await import('../doctor.ts')).doctor(options, terminal)),
    )
}

const EXAMPLES = `
Run it on the gateway's machine, as the user that the gateway runs as. Ends with 1 when there is a problem.

Examples:
  $ portcullis doctor
  $ sudo -u portcullis portcullis doctor --config /etc/portcullis/portcullis.yaml --json`
