// Not Jenkins. A small interpreter of the Declarative pipelines in this repository, so that they can be run for real, with
// real shells and signals, where there is no controller. It knows the directives, options and steps that a stock controller
// with the house's plugins has, and their arguments; anything else is an error, as a misspelling would be there.
//
// It reads one scenario per line from stdin (JSON) and answers with one event per line (JSON), the last of them "end": one
// process serves many builds, since it takes longer to start than they take to run. jenkins.go has the fields of both.
//
// What it takes from Jenkins: order and conditions of stages and post sections, what makes a build unstable or failed,
// what needs an agent, what a lock holds, what the JUnit plugin makes of a report, how an abort reaches a process.
// What it leaves out: queues, real agents, time limits, the sandbox of Groovy, resuming after a restart of the controller.

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import groovy.transform.InheritConstructors
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.ConstantExpression
import org.codehaus.groovy.ast.expr.Expression
import org.codehaus.groovy.ast.expr.MapExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.MultipleCompilationErrorsException
import org.codehaus.groovy.control.Phases

import java.nio.file.FileSystems
import java.util.concurrent.TimeUnit

@InheritConstructors class Invalid extends RuntimeException {}       // the pipeline would not be accepted, or a step not understood
@InheritConstructors class StepFailed extends RuntimeException {}    // a step failed: the stage fails
@InheritConstructors class Interrupted extends RuntimeException {}   // the build was aborted

// ---- results

class Outcome {
    static final List ORDER = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    static String check(String result) {
        if (!(result in ORDER)) { throw new Invalid("no such result: ${result}") }
        return result
    }

    static String worse(String a, String b) { ORDER.indexOf(check(a)) >= ORDER.indexOf(check(b)) ? a : b }
}

class CurrentBuild {
    Build owner
    String displayName
    String description

    String getResult() { owner.result == 'SUCCESS' ? null : owner.result }

    String getCurrentResult() { owner.result }

    int getNumber() { owner.number }

    void setResult(String result) { owner.worsen(result) }

    def propertyMissing(String name) { throw new Invalid("currentBuild.${name} is unknown") }
}

// ---- the model: what the directives of a pipeline say

/** The words a block may hold are the methods of its class; every other word is an error. */
abstract class Block {
    Build build
    protected Set seen = []

    abstract String where()

    protected void once(String word) {
        if (!seen.add(word)) { throw new Invalid("${where()}: ${word} is given twice") }
    }

    def fill(Closure body) { build.within(this, body) }

    def methodMissing(String name, args) { throw new Invalid("${where()}: unknown directive ${name}") }

    def propertyMissing(String name) { build.property(name) }

    def propertyMissing(String name, value) { throw new Invalid("${where()}: ${name} cannot be set here") }

    static Map arguments(String of, args, Map known, List required = []) {
        Map given = args.length == 0 ? [:] : args[0] instanceof Map ? args[0] : null
        if (given == null || args.length > 1) { throw new Invalid("${of}: arguments have to be named") }
        given.each { key, value ->
            if (!known.containsKey(key)) { throw new Invalid("${of}: unknown argument ${key}") }
            if (value instanceof GString) { value = value.toString() }
            if (value != null && !known[key].any { it.isInstance(value) }) {
                throw new Invalid("${of}: ${key} cannot be ${value.class.simpleName}")
            }
        }
        required.each { if (given[it] == null) { throw new Invalid("${of}: ${it} is missing") } }
        return given.collectEntries { k, v -> [k, v instanceof GString ? v.toString() : v] }
    }
}

class PipelineBlock extends Block {
    def agentOf
    List parameters = []
    Closure options, environment, post
    List triggers = []
    List stages = []

    String where() { 'pipeline' }

    void agent(kind) { once('agent'); agentOf = Agents.of(where(), kind) }

    void agent(Closure body) { once('agent'); agentOf = Agents.of(where(), body, build) }

    void parameters(Closure body) { once('parameters'); parameters = new ParametersBlock(build: build).read(body) }

    void triggers(Closure body) { once('triggers'); triggers = new TriggersBlock(build: build).read(body) }

    void options(Closure body) { once('options'); options = body }

    void environment(Closure body) { once('environment'); environment = body }

    void post(Closure body) { once('post'); post = body }

    void stages(Closure body) { once('stages'); stages = new StagesBlock(build: build).read(body) }
}

class Agents {
    static of(String where, kind) {
        if (!(kind in ['any', 'none'])) { throw new Invalid("${where}: agent has to be any, none or a label") }
        return kind
    }

    static of(String where, Closure body, Build build) { new LabelBlock(build: build, of: where).read(body) }
}

class LabelBlock extends Block {
    String of, label

    String where() { "${of}: agent" }

    void label(String name) { once('label'); label = name }

    String read(Closure body) {
        fill(body)
        if (!label) { throw new Invalid("${where()}: the label is missing") }
        return label
    }
}

class ParametersBlock extends Block {
    List list = []

    String where() { 'parameters' }

    List read(Closure body) { fill(body); list }

    private void add(String type, Map args, defaultValue) {
        if (list.any { it.name == args.name }) { throw new Invalid("parameters: ${args.name} is given twice") }
        list << [type: type, name: args.name, default: defaultValue, choices: args.choices, trim: args.trim ?: false,
                 description: args.description ?: '']
    }

    void string(Object... args) {
        Map a = arguments('string', args, [name: [String], defaultValue: [String], description: [String], trim: [Boolean]], ['name'])
        add('string', a, a.defaultValue ?: '')
    }

    void text(Object... args) {
        Map a = arguments('text', args, [name: [String], defaultValue: [String], description: [String]], ['name'])
        add('text', a, a.defaultValue ?: '')
    }

    void booleanParam(Object... args) {
        Map a = arguments('booleanParam', args, [name: [String], defaultValue: [Boolean], description: [String]], ['name'])
        add('booleanParam', a, a.defaultValue ?: false)
    }

    void choice(Object... args) {
        Map a = arguments('choice', args, [name: [String], choices: [List], description: [String]], ['name', 'choices'])
        if (!a.choices) { throw new Invalid("choice: ${a.name} has no choices") }
        add('choice', a, a.choices[0])
    }
}

class TriggersBlock extends Block {
    List list = []

    String where() { 'triggers' }

    List read(Closure body) { fill(body); list }

    void cron(String spec) {
        if (spec.trim().split(/\s+/).length != 5) { throw new Invalid("cron: ${spec} has not five fields") }
        list << spec
    }
}

class StagesBlock extends Block {
    List list = []

    String where() { 'stages' }

    List read(Closure body) {
        fill(body)
        if (!list) { throw new Invalid('stages: there is none') }
        return list
    }

    void stage(String name, Closure body) {
        if (list.any { it.name == name }) { throw new Invalid("stages: ${name} is given twice") }
        list << new StageBlock(build: build, name: name).read(body)
    }
}

class StageBlock extends Block {
    String name
    def agentOf
    Closure when, options, environment, input, steps, post

    String where() { "stage ${name}" }

    StageBlock read(Closure body) {
        fill(body)
        if (!steps) { throw new Invalid("${where()}: steps are missing") }
        return this
    }

    void agent(kind) { once('agent'); agentOf = Agents.of(where(), kind) }

    void agent(Closure body) { once('agent'); agentOf = Agents.of(where(), body, build) }

    void when(Closure body) { once('when'); when = body }

    void options(Closure body) { once('options'); options = body }

    void environment(Closure body) { once('environment'); environment = body }

    void input(Closure body) { once('input'); input = body }

    void steps(Closure body) { once('steps'); steps = body }

    void post(Closure body) { once('post'); post = body }

    private void nested(String word) { throw new Invalid("${where()}: ${word}: stages in a stage cannot be restarted") }

    void stages(Closure body) { nested('stages') }

    void parallel(Closure body) { nested('parallel') }

    void matrix(Closure body) { nested('matrix') }
}

/** Options are collected as what they put around a stage (or the pipeline), outermost first. */
class OptionsBlock extends Block {
    static final Set PIPELINE_ONLY = ['disableConcurrentBuilds', 'buildDiscarder', 'skipStagesAfterUnstable', 'preserveStashes',
                                      'disableResume', 'quietPeriod']
    String of
    boolean wholePipeline
    Map flags = [:]
    List locks = []

    String where() { "${of}: options" }

    OptionsBlock read(Closure body) { if (body) { fill(body) }; this }

    private Map note(String name, Object[] args, Map known = [:], List required = []) {
        once(name)
        if (!wholePipeline && name in PIPELINE_ONLY) { throw new Invalid("${where()}: ${name} is an option of the pipeline only") }
        return flags[name] = arguments(name, args, known, required)
    }

    void disableConcurrentBuilds(Object... args) { note('disableConcurrentBuilds', args) }

    void skipDefaultCheckout() { note('skipDefaultCheckout', [] as Object[]) }

    void skipStagesAfterUnstable() { note('skipStagesAfterUnstable', [] as Object[]) }

    void disableResume() { note('disableResume', [] as Object[]) }

    void preserveStashes(Object... args) { note('preserveStashes', args, [buildCount: [Integer]]) }

    void quietPeriod(int seconds) { note('quietPeriod', [[seconds: seconds]] as Object[], [seconds: [Integer]]) }

    void timeout(Object... args) { note('timeout', args, [time: [Integer], unit: [String], activity: [Boolean]], ['time']) }

    void ansiColor(String map) { note('ansiColor', [[map: map]] as Object[], [map: [String]]) }

    void lock(String resource) { lock(resource: resource) }

    void lock(Map args) {
        note('lock', [args] as Object[], [resource: [String]], ['resource'])
        locks << args.resource.toString()
    }

    Map logRotator(Object... args) {
        return arguments('logRotator', args, ['numToKeepStr', 'daysToKeepStr', 'artifactNumToKeepStr', 'artifactDaysToKeepStr']
            .collectEntries { [it, [String]] })
    }

    void buildDiscarder(Map rotation) { note('buildDiscarder', [[strategy: rotation]] as Object[], [strategy: [Map]]) }
}

class EnvironmentBlock extends Block {
    Map values = [:]

    String where() { 'environment' }

    EnvironmentBlock read(Closure body) { if (body) { fill(body) }; this }

    def propertyMissing(String name, value) {
        if (!(value instanceof CharSequence)) { throw new Invalid("environment: ${name} has to be a string") }
        values[name] = value.toString()
    }
}

/** The conditions of a stage; all of them have to hold. */
class WhenBlock extends Block {
    String of
    boolean beforeAgent, beforeOptions, beforeInput
    List conditions = []

    String where() { "${of}: when" }

    WhenBlock read(Closure body) {
        if (body) {
            fill(body)
            if (!conditions) { throw new Invalid("${where()}: there is no condition") }
        }
        return this
    }

    boolean holds() { conditions.every { it() } }

    private List inner(Closure body) { new WhenBlock(build: build, of: of).read(body).conditions }

    void beforeAgent(boolean yes) { once('beforeAgent'); beforeAgent = yes }

    void beforeOptions(boolean yes) { once('beforeOptions'); beforeOptions = yes }

    void beforeInput(boolean yes) { once('beforeInput'); beforeInput = yes }

    void expression(Closure body) { conditions << { build.within(build.steps, body) as boolean } }

    void environment(Object... args) {
        Map a = arguments('environment', args, [name: [String], value: [String]], ['name', 'value'])
        conditions << { build.environment()[a.name] == a.value }
    }

    void triggeredBy(String cause) { conditions << { build.cause == cause } }

    void not(Closure body) { List c = inner(body); conditions << { !c.every { it() } } }

    void allOf(Closure body) { List c = inner(body); conditions << { c.every { it() } } }

    void anyOf(Closure body) { List c = inner(body); conditions << { c.any { it() } } }

    boolean equals(Object other) { throw new Invalid("${where()}: equals is not known here") }
}

class InputBlock extends Block {
    String of
    Map values = [:]

    String where() { "${of}: input" }

    InputBlock read(Closure body) {
        fill(body)
        if (!values.message) { throw new Invalid("${where()}: message is missing") }
        return this
    }

    void message(String text) { once('message'); values.message = text }

    void ok(String text) { once('ok'); values.ok = text }

    void id(String text) { once('id'); values.id = text }

    void submitter(String text) { once('submitter'); values.submitter = text }

    void submitterParameter(String text) { once('submitterParameter'); values.submitterParameter = text }

    void parameters(Closure body) { once('parameters'); values.parameters = new ParametersBlock(build: build).read(body) }
}

/** The post conditions, in the order in which they are looked at. */
class PostBlock extends Block {
    static final List ORDER = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable', 'unsuccessful', 'cleanup']
    String of
    Map bodies = [:]

    String where() { "${of}: post" }

    PostBlock read(Closure body) { fill(body); this }

    def methodMissing(String name, args) {
        if (!(name in ORDER)) { throw new Invalid("${where()}: unknown condition ${name}") }
        if (args.length != 1 || !(args[0] instanceof Closure)) { throw new Invalid("${where()}: ${name} takes a block") }
        once(name)
        bodies[name] = args[0]
    }
}

// ---- the steps

class Steps {
    Build build

    private Map args(String step, Object[] given, String single, Map known, List required = []) {
        if (given.length == 1 && !(given[0] instanceof Map) && single) { given = [[(single): given[0]]] as Object[] }
        return Block.arguments(step, given, known, required)
    }

    private void needsAgent(String step) {
        if (!build.workspace) { throw new StepFailed("${step} needs an agent, and there is none here") }
    }

    private File file(String path) { new File(build.workspace, path) }

    def sh(Object... given) {
        Map a = args('sh', given, 'script', [script: [String], label: [String], returnStatus: [Boolean], returnStdout: [Boolean],
                                             encoding: [String]], ['script'])
        if (a.returnStatus && a.returnStdout) { throw new Invalid('sh: returnStatus and returnStdout exclude each other') }
        needsAgent('sh')
        Map ran = build.shell(a.script)
        build.event('step', [step: 'sh', args: a, exit: ran.exit, output: ran.output])
        if (ran.aborted) { throw new Interrupted('the build was aborted') }
        if (a.returnStatus) { return ran.exit }
        if (ran.exit != 0) { throw new StepFailed("script returned exit code ${ran.exit}") }
        return a.returnStdout ? ran.output : null
    }

    def junit(Object... given) {
        Map a = args('junit', given, 'testResults', [testResults: [String], allowEmptyResults: [Boolean], keepLongStdio: [Boolean],
                                                     healthScaleFactor: [Double, BigDecimal], skipPublishingChecks: [Boolean]], ['testResults'])
        needsAgent('junit')
        List files = build.matching(a.testResults)
        if (!files && !a.allowEmptyResults) {
            build.event('step', [step: 'junit', args: a, files: []])
            throw new StepFailed("no test report files were found: ${a.testResults}")
        }
        Map seen = [total: 0, failed: 0, skipped: 0]
        List cases = files.collectMany { Reports.read(it.text, build.relative(it)) }
        cases.each { seen.total++; if (it.status != 'passed') { seen[it.status]++ } }
        build.event('step', [step: 'junit', args: a, files: files.collect { build.relative(it) }, cases: cases] + seen)
        if (seen.failed) { build.unstable() }
        return [totalCount: seen.total, failCount: seen.failed, skipCount: seen.skipped, passCount: seen.total - seen.failed - seen.skipped]
    }

    def archiveArtifacts(Object... given) {
        Map a = args('archiveArtifacts', given, 'artifacts', [artifacts: [String], allowEmptyArchive: [Boolean], excludes: [String],
                                                              fingerprint: [Boolean], onlyIfSuccessful: [Boolean]], ['artifacts'])
        needsAgent('archiveArtifacts')
        List files = build.matching(a.artifacts) - (a.excludes ? build.matching(a.excludes) : [])
        build.event('step', [step: 'archiveArtifacts', args: a, files: files.collect { build.relative(it) }])
        if (!files && !a.allowEmptyArchive) { throw new StepFailed("no artifacts found that match ${a.artifacts}") }
    }

    def echo(Object... given) {
        build.event('step', [step: 'echo', args: args('echo', given, 'message', [message: [String]], ['message'])])
    }

    def error(Object... given) {
        Map a = args('error', given, 'message', [message: [String]], ['message'])
        build.event('step', [step: 'error', args: a])
        throw new StepFailed(a.message)
    }

    def unstable(Object... given) {
        build.event('step', [step: 'unstable', args: args('unstable', given, 'message', [message: [String]], ['message'])])
        build.unstable()
    }

    def build(Object... given) {
        Map a = args('build', given, 'job', [job: [String], parameters: [List], wait: [Boolean], propagate: [Boolean],
                                             quietPeriod: [Integer]], ['job'])
        Map job = build.jobs[a.job]
        Map values = (a.parameters ?: []).collectEntries { [it.name, it.value] }
        build.event('step', [step: 'build', args: [job: a.job, wait: a.wait, propagate: a.propagate, parameters: values],
                             agent: build.workspace != null])
        if (job == null) { throw new StepFailed("no item named ${a.job} found") }
        values.each { name, value ->
            if (job.parameters != null && !job.parameters.containsKey(name)) { throw new Invalid("build: ${a.job} has no parameter ${name}") }
            List choices = job.parameters?.get(name)
            if (choices && !(value in choices)) { throw new StepFailed("${a.job}: ${value} is no choice for ${name}") }
        }
        String result = job.calls ? posted(job.calls, job.body) : job.result
        if (a.wait == false) { return null }
        if (a.propagate != false && result != 'SUCCESS') { throw new StepFailed("${a.job} completed with status ${result}") }
        return [result: result]
    }

    /** What a job does, in place of its own pipeline: it asks an address to do it. */
    private String posted(String address, String body) {
        HttpURLConnection c = (HttpURLConnection) new URL(address).openConnection()
        c.requestMethod = 'POST'
        c.doOutput = true
        c.outputStream.withWriter('UTF-8') { it << body }
        return c.responseCode < 300 ? 'SUCCESS' : 'FAILURE'
    }

    Map string(Object... given) { args('string', given, null, [name: [String], value: [String]], ['name']) }

    Map text(Object... given) { args('text', given, null, [name: [String], value: [String]], ['name']) }

    Map booleanParam(Object... given) { args('booleanParam', given, null, [name: [String], value: [Boolean]], ['name', 'value']) }

    /** With a submitterParameter and no other, the step returns who answered; the directive puts it into the environment. */
    def input(Object... given) {
        Map a = args('input', given, 'message', [message: [String], ok: [String], id: [String], submitter: [String],
                                                 submitterParameter: [String], parameters: [List]], ['message'])
        if (a.parameters) { throw new Invalid('input: parameters of a step are not known here') }
        String who = build.ask(a)
        return a.submitterParameter ? who : null
    }

    def readFile(Object... given) {
        Map a = args('readFile', given, 'file', [file: [String], encoding: [String]], ['file'])
        needsAgent('readFile')
        build.event('step', [step: 'readFile', args: a])
        if (!file(a.file).file) { throw new StepFailed("${a.file} does not exist") }
        return file(a.file).text
    }

    boolean fileExists(Object... given) {
        Map a = args('fileExists', given, 'file', [file: [String]], ['file'])
        needsAgent('fileExists')
        build.event('step', [step: 'fileExists', args: a])
        return file(a.file).exists()
    }

    def deleteDir() {
        needsAgent('deleteDir')
        build.event('step', [step: 'deleteDir'])
        build.workspace.deleteDir()
    }

    def script(Closure body) { build.within(this, body) }

    def node(Closure body) { node('', body) }

    def node(String label, Closure body) { build.onAgent(label ?: 'any') { build.within(this, body) } }

    def withEnv(List pairs, Closure body) {
        Map values = pairs.collectEntries {
            int at = it.indexOf('=')
            if (at < 1) { throw new Invalid("withEnv: ${it} is not NAME=value") }
            [it.substring(0, at).toString(), it.substring(at + 1).toString()]
        }
        build.withVariables(values) { build.within(this, body) }
    }

    def timeout(Map given, Closure body) {
        Map a = args('timeout', [given] as Object[], null, [time: [Integer], unit: [String], activity: [Boolean]], ['time'])
        build.event('step', [step: 'timeout', args: a])
        build.within(this, body)
    }

    def lock(String resource, Closure body) { lock([resource: resource], body) }

    def lock(Map given, Closure body) {
        Map a = args('lock', [given] as Object[], null, [resource: [String]], ['resource'])
        build.locked([a.resource]) { build.within(this, body) }
    }

    def retry(int count, Closure body) {
        for (int i = 1; ; i++) {
            try {
                return build.within(this, body)
            } catch (StepFailed e) {
                if (i >= count) { throw e }
            }
        }
    }

    def catchError(Closure body) { catchError([:], body) }

    def catchError(Map given, Closure body) {
        Map a = args('catchError', [given] as Object[], null, [buildResult: [String], stageResult: [String], message: [String],
                                                               catchInterruptions: [Boolean]])
        try {
            build.within(this, body)
        } catch (StepFailed e) {
            build.event('step', [step: 'catchError', args: a, error: e.message])
            build.worsen(a.buildResult ?: 'FAILURE')
            build.worsenStage(a.stageResult ?: a.buildResult ?: 'FAILURE')
        }
    }

    def sleep(Object... ignored) { throw new Invalid('unknown step sleep') }

    def println(Object... ignored) { throw new Invalid('unknown step println') }

    /** Whatever is not a step may still be a method of the pipeline's own. */
    def methodMissing(String name, given) {
        if (build.own(name)) { return build.pipelineScript.invokeMethod(name, given) }
        throw new Invalid("unknown step ${name}" + (build.stage ? " in stage ${build.stage}" : ''))
    }

    def propertyMissing(String name) { build.property(name) }
}

/** What the JUnit plugin makes of one report file. */
class Reports {
    static List read(String text, String name) {
        if (!text) { return [[suite: name, name: '[empty]', status: 'failed', message: 'the report is empty']] }
        def root
        try {
            root = new XmlParser(false, false).parseText(text)
        } catch (org.xml.sax.SAXException e) {
            return [[suite: name, name: '[failed-to-read]', status: 'failed', message: e.message]]
        }
        return suites(root, name)
    }

    /** Suites in suites are flattened; one without a case disappears. */
    private static List suites(Node node, String file) {
        List found = []
        if (node.name() == 'testsuite') {
            String suite = node.'@name' ? (node.'@package' ? node.'@package' + '.' : '') + node.'@name' : "(${file})".toString()
            if (node.error) { found << [suite: suite, name: '<init>', status: 'failed', message: node.error[0].'@message'] }
            node.testcase.each { c ->
                String status = c.skipped ? 'skipped' : c.error || c.failure ? 'failed' : 'passed'
                def why = c.skipped ?: c.error ?: c.failure
                found << [suite: suite, class: c.'@classname' ?: suite, name: c.'@name', status: status, message: why ? why[0].'@message' : null]
            }
        } else if (node.name() != 'testsuites') {
            return []
        }
        return found + node.testsuite.collectMany { suites(it, file) }
    }
}

// ---- the build

abstract class PipelineScript extends Script {
    private Build host

    void belongsTo(Build build) { host = build }

    void pipeline(Closure body) { host.define(body) }

    def methodMissing(String name, args) { host.steps.invokeMethod(name, args) }

    def propertyMissing(String name) { host.property(name) }
}

class Build {
    Map scenario
    Closure emit
    int number
    String result = 'SUCCESS'
    String cause
    Map params = [:], env = [:], jobs = [:]
    CurrentBuild currentBuild
    Steps steps
    PipelineScript pipelineScript
    PipelineBlock model
    String stage, stageResult
    File workspace
    List held = []              // locks
    List layers = []            // variables put in by environment and withEnv
    String cookie = UUID.randomUUID()
    boolean aborted
    private int workspaces

    Build(Map scenario, Closure emit) {
        this.scenario = scenario
        this.emit = emit
        number = scenario.number ?: 1
        cause = scenario.cause ?: 'UserIdCause'
        jobs = scenario.jobs ?: [:]
        steps = new Steps(build: this)
        currentBuild = new CurrentBuild(owner: this, displayName: "#${number}")
        env = [BUILD_NUMBER: "$number".toString(), JOB_NAME: scenario.job ?: 'migrate-es', BUILD_TAG: "jenkins-job-${number}".toString(),
               JENKINS_URL: 'https://jenkins.test/', BUILD_URL: "https://jenkins.test/job/${scenario.job ?: 'migrate-es'}/${number}/".toString()]
    }

    void event(String kind, Map values = [:]) {
        Map common = [event: kind]
        if (stage) { common.stage = stage }
        if (held) { common.locks = held.clone() }
        emit(common + values.findAll { it.value != null })
    }

    def property(String name) {
        switch (name) {
            case 'params': return params
            case 'env': return environment().asImmutable()
            case 'currentBuild': return currentBuild
            case 'any': case 'none': return name
            default: throw new Invalid("unknown property ${name}")
        }
    }

    boolean own(String name) { pipelineScript.class.declaredMethods.any { it.name == name && !it.synthetic && !(name in ['run', 'main']) } }

    def within(delegate, Closure body) {
        body = body.clone() as Closure
        body.delegate = delegate
        body.resolveStrategy = Closure.DELEGATE_ONLY
        return body.call()
    }

    Map environment() {
        Map all = new LinkedHashMap(env)
        if (!scenario.firstBuild) { params.each { k, v -> all[k] = v.toString() } }
        layers.each { all.putAll(it) }
        return all
    }

    def withVariables(Map values, Closure body) {
        layers << values
        try { body() } finally { layers.remove(layers.size() - 1) }
    }

    void worsen(String to) { result = Outcome.worse(result, to) }

    void worsenStage(String to) { if (stage) { stageResult = Outcome.worse(stageResult, to) } }

    void unstable() { worsen('UNSTABLE'); worsenStage('UNSTABLE') }

    // -- from text to model

    void load(File source) {
        (scenario.params ?: [:]).each { k, v -> params[k] = v }
        // Jenkins knows the form from the build before, so the parameters are there from the first line on; except in the first
        // build, where they get their values only when the pipeline is read, and are not in the environment.
        (scenario.firstBuild ? 1 : 2).times {
            model = null
            currentBuild.displayName = "#${number}"
            pipelineScript = Scripts.load(source)
            pipelineScript.belongsTo(this)
            pipelineScript.run()
            if (!model) { throw new Invalid('there is no pipeline') }
        }
    }

    void define(Closure body) {
        if (model) { throw new Invalid('there are two pipelines') }
        PipelineBlock m = new PipelineBlock(build: this)
        m.fill(body)
        if (m.agentOf == null) { throw new Invalid('pipeline: agent is missing') }
        if (!m.stages) { throw new Invalid('pipeline: stages are missing') }
        m.stages.each {
            if (m.agentOf == 'none' && it.agentOf == null) { throw new Invalid("${it.where()}: there is no agent, neither here nor for the pipeline") }
        }
        Map given = scenario.params ?: [:]
        List outside = scenario.jobParameters ?: []
        given.keySet().each { name ->
            if (!(name in outside) && !m.parameters.any { it.name == name }) { throw new Invalid("there is no parameter ${name}") }
        }
        m.parameters.each { p ->
            def value = given.containsKey(p.name) ? given[p.name] : p.default
            if (p.type == 'choice' && !(value in p.choices)) { throw new Invalid("parameter ${p.name}: ${value} is no choice") }
            if (p.type == 'booleanParam' && !(value instanceof Boolean)) { throw new Invalid("parameter ${p.name}: ${value} is not a boolean") }
            params[p.name] = p.trim ? value.trim() : value
        }
        // All blocks are looked at before anything runs, those of stages that will not run as well.
        new OptionsBlock(build: this, of: 'pipeline', wholePipeline: true).read(m.options)
        if (m.post) { new PostBlock(build: this, of: 'pipeline').read(m.post) }
        m.stages.each {
            new OptionsBlock(build: this, of: it.where()).read(it.options)
            new WhenBlock(build: this, of: it.where()).read(it.when)
            if (it.post) { new PostBlock(build: this, of: it.where()).read(it.post) }
            if (it.input) { new InputBlock(build: this, of: it.where()).read(it.input) }
        }
        model = m
    }

    // -- running

    void run() {
        OptionsBlock options = new OptionsBlock(build: this, of: 'pipeline', wholePipeline: true).read(model.options)
        event('pipeline', [parameters: model.parameters, options: options.flags, triggers: model.triggers, stages: model.stages*.name])
        String start = scenario.startAt
        if (start && !model.stages.any { it.name == start }) { throw new Invalid("there is no stage ${start} to start at") }
        locked(options.locks) {
            onAgent(model.agentOf) {
                withVariables(new EnvironmentBlock(build: this).read(model.environment).values) {
                    boolean reached = !start
                    model.stages.each { s ->
                        reached = reached || s.name == start
                        String skip = !reached ? 'restarted later' :
                            result in ['FAILURE', 'ABORTED', 'NOT_BUILT'] ? 'earlier failure' :
                            result == 'UNSTABLE' && options.flags.skipStagesAfterUnstable != null ? 'unstable' : null
                        if (skip) { skipped(s, skip) } else { runStage(s) }
                    }
                    if (model.post) { post(new PostBlock(build: this, of: 'pipeline').read(model.post), result) }
                }
            }
        }
    }

    private void skipped(StageBlock s, String why) { event('stage', [stage: s.name, state: 'skipped', reason: why]) }

    private void runStage(StageBlock s) {
        stage = s.name
        stageResult = 'SUCCESS'
        try {
            env.STAGE_NAME = s.name
            OptionsBlock options = new OptionsBlock(build: this, of: s.where()).read(s.options)
            WhenBlock when = new WhenBlock(build: this, of: s.where()).read(s.when)
            boolean decided = when.beforeOptions || when.beforeInput
            if (decided && !when.holds()) { skipped(s, 'when'); return }
            locked(options.locks) {
                if (s.input) {
                    Map question = new InputBlock(build: this, of: s.where()).read(s.input).values
                    String who = ask(question)
                    if (question.submitterParameter) { env[question.submitterParameter] = who }
                }
                if (!decided && when.beforeAgent) {
                    decided = true
                    if (!when.holds()) { skipped(s, 'when'); return }
                }
                onAgent(s.agentOf) {
                    withVariables(new EnvironmentBlock(build: this).read(s.environment).values) {
                        if (!decided && !when.holds()) { skipped(s, 'when'); return }
                        event('stage', [state: 'started', options: options.flags])
                        guarded { within(steps, s.steps) }
                        if (s.post) { post(new PostBlock(build: this, of: s.where()).read(s.post), stageResult) }
                        event('stage', [state: 'ended', result: stageResult])
                    }
                }
            }
        } catch (Interrupted e) {
            worsen('ABORTED')
            event('stage', [state: 'ended', result: 'ABORTED', error: e.message])
        } finally {
            stage = null
        }
    }

    /** What goes wrong in here becomes the result of the stage and of the build. */
    private void guarded(Closure body) {
        try {
            body()
        } catch (Interrupted e) {
            worsen('ABORTED')
            worsenStage('ABORTED')
        } catch (StepFailed e) {
            event('error', [error: e.message])
            worsen('FAILURE')
            worsenStage('FAILURE')
        }
    }

    private void post(PostBlock block, String now) {
        String before = scenario.previousResult ?: 'SUCCESS'
        Map holds = [always: true, cleanup: true, changed: now != before,
                     fixed: now == 'SUCCESS' && before in ['FAILURE', 'UNSTABLE'],
                     regression: Outcome.ORDER.indexOf(now) > Outcome.ORDER.indexOf(before),
                     aborted: now == 'ABORTED', failure: now == 'FAILURE', success: now == 'SUCCESS', unstable: now == 'UNSTABLE',
                     unsuccessful: now != 'SUCCESS']
        PostBlock.ORDER.each { condition ->
            if (block.bodies[condition] && holds[condition]) {
                guarded { within(steps, block.bodies[condition]) }
            }
        }
    }

    /** Asks, and returns who answered. */
    String ask(Map question) {
        event('step', [step: 'input', args: question.findAll { it.key != 'parameters' }, agent: workspace != null])
        if (scenario.inputs?.get(question.id ?: question.message) != 'proceed') { throw new Interrupted("rejected: ${question.message}") }
        return 'someone'
    }

    def locked(List resources, Closure body) {
        List taken = scenario.locksHeldByOthers ?: []
        resources.each {
            if (it in taken) {
                event('lock', [state: 'waiting', resource: it, agent: workspace != null])
                throw new Interrupted("waited for ${it} in vain")
            }
            held << it
            event('lock', [state: 'taken', resource: it, agent: workspace != null])
        }
        try {
            return body()
        } finally {
            resources.each {
                held.remove(it)
                event('lock', [state: 'freed', resource: it])
            }
        }
    }

    /** Every allocation is an empty folder: nothing may be expected to lie there from another stage. */
    def onAgent(kind, Closure body) {
        if (kind == null || kind == 'none') { return body() }
        File outer = workspace
        workspace = new File(scenario.directory as String, "workspace-${++workspaces}")
        workspace.mkdirs()
        try { return body() } finally { workspace = outer }
    }

    String relative(File file) { workspace.toPath().relativize(file.toPath()).toString() }

    /** Files of the workspace that match one of several patterns, separated by commas. */
    List matching(String patterns) {
        List matchers = patterns.split(',').collect { FileSystems.default.getPathMatcher('glob:' + it.trim()) }
        List files = []
        if (workspace.directory) {
            workspace.eachFileRecurse { f ->
                if (f.file && matchers.any { it.matches(workspace.toPath().relativize(f.toPath())) }) { files << f }
            }
        }
        return files.sort { it.path }
    }

    // -- processes

    /** Runs a script as the shell step does: from a file, in the house's shell, stopping at the first error. */
    Map shell(String text) {
        File script = File.createTempFile('script', '.sh', new File(scenario.directory as String))
        script.text = text
        workspace.mkdirs()
        ProcessBuilder builder = new ProcessBuilder('/bin/bash', '-xe', script.path)
        builder.directory(workspace)
        // Into a file: what outlives the shell would keep a pipe open, and Jenkins does not wait for it either.
        File output = File.createTempFile('output', '.txt', script.parentFile)
        builder.redirectErrorStream(true)
        builder.redirectOutput(output)
        Map variables = builder.environment()
        variables.clear()
        variables.putAll((scenario.env ?: [:]) + environment() + [WORKSPACE: workspace.path, JENKINS_SERVER_COOKIE: cookie])
        Process process = builder.start()
        process.outputStream.close()
        boolean stopped = false
        if (scenario.abortOn && !aborted) {
            while (!stopped && !process.waitFor(10, TimeUnit.MILLISECONDS)) {
                if (output.readLines().contains(scenario.abortOn)) {
                    aborted = stopped = true
                    terminate()
                }
            }
        }
        int exit = process.waitFor()
        return [exit: exit, output: output.text, aborted: stopped]
    }

    /** An abort: every process with the build's cookie is asked to end, children before parents. */
    private void terminate() {
        Map parents = [:]
        new File('/proc').eachDirMatch(~/\d+/) { dir ->
            try {
                if (new File(dir, 'environ').getText('ISO-8859-1').split('\0').contains('JENKINS_SERVER_COOKIE=' + cookie)) {
                    String stat = new File(dir, 'stat').text
                    parents[dir.name as int] = stat.substring(stat.lastIndexOf(')') + 2).split(' ')[1] as int
                }
            } catch (IOException ignored) { } // it has ended meanwhile
        }
        Closure depth
        depth = { pid -> parents.containsKey(pid) ? 1 + depth(parents[pid]) : 0 }
        parents.keySet().sort { -depth(it) }.each { pid -> ['/bin/kill', '-TERM', "$pid"].execute().waitFor() }
    }
}

class Scripts {
    private static final Map COMPILED = [:]

    static PipelineScript load(File source) {
        String text = source.text
        Class type = COMPILED[text]
        if (!type) {
            CompilerConfiguration how = new CompilerConfiguration(scriptBaseClass: PipelineScript.name)
            type = COMPILED[text] = new GroovyClassLoader(Scripts.classLoader, how).parseClass(text, 'Jenkinsfile')
        }
        return type.newInstance() as PipelineScript
    }
}

/** How each shell step of a pipeline is written, read from the source: what the quotes were is lost once it runs. */
class ShellSteps extends CodeVisitorSupport {
    List lines
    Closure emit

    static void list(File source, Closure emit) {
        CompilationUnit unit = new CompilationUnit()
        unit.addSource('Jenkinsfile', source.text)
        unit.compile(Phases.CONVERSION)
        ShellSteps visitor = new ShellSteps(lines: source.readLines(), emit: emit)
        unit.AST.modules.each { module ->
            module.statementBlock.visit(visitor)
            module.methods.each { it.code.visit(visitor) }
        }
    }

    @Override
    void visitMethodCallExpression(MethodCallExpression call) {
        super.visitMethodCallExpression(call)
        if (call.methodAsString != 'sh') { return }
        Expression script = call.arguments.expressions[0]
        if (script instanceof MapExpression) {
            script = script.mapEntryExpressions.find { it.keyExpression.text == 'script' }.valueExpression
        }
        String quote = lines[script.lineNumber - 1].substring(script.columnNumber - 1, script.columnNumber)
        emit([event: 'sh', line: script.lineNumber, constant: script instanceof ConstantExpression, quote: quote])
    }
}

System.in.eachLine { line ->
    Map scenario = new JsonSlurper().parseText(line) as Map
    PrintStream out = System.out
    Closure emit = { Map event -> out.println(JsonOutput.toJson(event)); out.flush() }
    if (scenario.shellSteps) {
        ShellSteps.list(new File(scenario.file as String), emit)
        emit([event: 'end', result: 'SUCCESS'])
        return
    }
    Build build = new Build(scenario, emit)
    Map end = [event: 'end']
    try {
        build.load(new File(scenario.file as String))
        try {
            build.run()
        } catch (Interrupted e) {
            build.worsen('ABORTED')
        }
    } catch (Invalid | MultipleCompilationErrorsException e) {
        build.worsen('FAILURE')
        end.error = e.message
    } catch (Throwable e) {
        build.worsen('FAILURE')
        end.error = "${e}\n" + e.stackTrace.findAll { it.fileName?.endsWith('.groovy') || it.fileName == 'Jenkinsfile' }.take(12).join('\n')
    }
    emit(end + [result: build.result, displayName: build.currentBuild.displayName, description: build.currentBuild.description].findAll { it.value != null })
}
